/** Prints what a report says of each connection, a line for each fact, for golden files. */
import type { Trace } from '../../src/model/trace.js';
import type { Connection, Report } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';

/** A trace whose truth is known by construction. */
export interface ToldStory {
  /** Path, proof and outcome of each connection, in order. */
  readonly is: readonly string[];
  readonly tell: () => Trace;
  /** Its hops are told as well. */
  readonly hops?: true;
}

export type Stories = Readonly<Record<string, ToldStory>>;

export function sumUp({ connections }: Report): string[] {
  return connections.map(({ path, proof, outcome }) => `${path} ${proof} ${outcome}`);
}

/** One section of the golden text. */
export function tellStory(name: string, { tell, hops }: ToldStory): string {
  const report = analyse(tell(), { hops: null });
  const { verdict, statistics, findings = [] } = report;
  const lines = [
    `== ${name}`,
    `verdict ${JSON.stringify(verdict)}`,
    ...report.connections.flatMap((one) => tellConnection(one, hops === true)),
    ...statistics.map((row) => `statistics ${JSON.stringify(row)}`),
    ...findings.map((finding) => `finding ${JSON.stringify(finding)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function tellConnection(one: Connection, withHops: boolean): string[] {
  const { evidence, hops, reason, path, proof, outcome, client, ...rest } = one;
  const facts = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `  ${name} ${JSON.stringify(value)}`);
  return [
    `${client.address} ${client.port}: ${path} ${proof} ${outcome}`,
    `  ${reason}`,
    ...facts,
    ...evidence.map(({ holds, claim, events }) => `  ${sign(holds)} ${claim} [${events.join()}]`),
    ...(withHops ? hops.map((hop) => `  hop ${tellHop(hop)}`) : []),
  ];
}

/** Without what is not known of it. */
function tellHop(hop: Connection['hops'][number]): string {
  const told = Object.entries(hop).filter(
    ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
  );
  return JSON.stringify(Object.fromEntries(told));
}

function sign(holds: boolean | null): string {
  return holds === null ? '?' : holds ? '+' : '-';
}
