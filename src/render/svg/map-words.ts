/** Writes the text around the map: the engine, the findings, and a description for readers who cannot see the map. */
import type { Explanation } from '../../model/explain.js';
import { printable } from '../text.js';
import { paragraph, stack, type Block } from './block.js';

/** Version, firewall and userland proxy of the engine. */
export function describeEngine({ engine }: Explanation): string {
  if (!engine) return 'no engine and no rule of one was found';
  const { version, firewall, userlandProxy, because } = engine;
  const proxy = userlandProxy === null ? 'not known' : userlandProxy ? 'on' : 'off';
  const name = version === null ? 'engine of unknown version' : `engine ${version}`;
  return printable(
    `${name} · firewall ${firewall ?? 'not known'} · userland-proxy ${proxy}: ${because}`,
  );
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
export function drawFindings(
  { findings }: Explanation,
  left: number,
  top: number,
  width: number,
): Block {
  const colours = { error: 'bad', warning: 'unsure', note: 'muted' } as const;
  return stack(
    top,
    findings.flatMap(({ severity, evidence, remedy }) => [
      (y: number) =>
        paragraph(printable(`${severity}: ${evidence}`), [left, y + 6, width], {
          size: 12,
          colour: colours[severity],
        }),
      (y: number) =>
        paragraph(printable(`fix: ${remedy}`), [left + 16, y, width - 16], {
          size: 12,
          colour: 'muted',
        }),
    ]),
  );
}
