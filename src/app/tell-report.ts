/** Tells the report of a trace that is over, through every output that was asked for. */
import type { Report } from '../model/report.js';
import type { Selection } from '../model/selection.js';
import type { Trace } from '../model/trace.js';
import { conclude, present, streamTo, type LiveOutputs, type LiveTerminal } from './present.js';
import { select } from './selection.js';

/** @returns the exit code */
export async function tellReport(
  { trace, report }: { readonly trace: Trace; readonly report: Report },
  program: string,
  outputs: LiveOutputs,
  terminal: LiveTerminal,
): Promise<number> {
  if (outputs.ndjson) {
    const stream = streamTo(terminal);
    for (const event of trace.events) {
      stream('event', event);
      await terminal.drain?.();
    }
    for (const connection of select(report, outputs.show).connections) {
      stream('connection', connection);
      await terminal.drain?.();
    }
  }
  const presented = await present(report, trace, outputs, terminal);
  const written = (await send(report, program, outputs, terminal)) && presented;
  const exit = conclude(report, outputs.expect, terminal);
  return exit === 0 && !written ? 1 : exit;
}

/** Sends traces only: metrics are about the present. @returns whether all arrived; true if nothing is to be sent */
async function send(
  report: Report,
  program: string,
  { otlp, anonymize = false, show }: LiveOutputs,
  terminal: LiveTerminal,
): Promise<boolean> {
  if (otlp === undefined) return true;
  const { Sending } = await import('./sending.js');
  const warn = (text: string): void => terminal.err(`warning: ${text}\n`);
  const common = { url: otlp, program, live: false, subject: '', anonymize };
  const sending = await Sending.open({ ...common, show: EVERYTHING, warn });
  await sending.addRest(select(report, show).connections, report.coverage);
  return sending.close((text) => terminal.err(text));
}

/** Lets everything pass: connections are selected before they are sent. */
const EVERYTHING: Selection = { paths: [], outcomes: [], ids: [], slowest: null };
