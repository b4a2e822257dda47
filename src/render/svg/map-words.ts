/** Writes the text around the map: the engine, the findings, and a description for readers who cannot see the map. */
import type { Explanation } from '../../model/explain.js';
import { nameEngine } from '../layout/wiring.js';
import { printable } from '../text.js';
import { below, inset, NOTE, paragraph, stack, type Draw, type Frame } from './block.js';

export function describeEngine({ engine }: Explanation): string {
  if (!engine) return 'no engine and no rule of one was found';
  return printable(`${nameEngine(engine)}: ${engine.because}`);
}

/** Describes the map for readers who cannot see it. */
export function describeWhole({ bridges, relays, predictions }: Explanation): string {
  const wired = bridges.map(({ name, members }) => {
    const names = members.map(({ container }) => container ?? '?').join(', ');
    return `bridge ${name} leads to ${names || 'no container'}`;
  });
  const listens = relays.map(
    ({ command, listens, target }) => `${command} hands ${listens} on to ${target ?? '?'}`,
  );
  const paths = predictions.map(({ from, to, path }) => `${from} to ${to}: ${path}`);
  return printable(`${[...wired, ...listens, ...paths].join('; ')}.`);
}

/** Draws the findings with their fixes. */
export function drawFindings({ findings }: Explanation, frame: Frame): Draw {
  const colours = { error: 'bad', warning: 'unsure', note: 'muted' } as const;
  return stack(
    findings.flatMap(({ severity, evidence, remedy }) => {
      const style = { size: 12, colour: colours[severity] };
      return [
        below(6, paragraph(printable(`${severity}: ${evidence}`), frame, style)),
        paragraph(printable(`fix: ${remedy}`), inset(frame, 16), NOTE),
      ];
    }),
  );
}
