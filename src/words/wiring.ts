/** Tells how a host is wired: its engine, and its map for readers who cannot see the picture. */
import type { Explanation } from '../model/explain.js';

export function describeEngine({ engine }: Explanation): string {
  if (!engine) return 'no engine and no rule of one was found';
  return `${nameEngine(engine)}: ${engine.because}`;
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
  return `${[...wired, ...listens, ...paths].join('; ')}.`;
}

/** `engine 29.1.0 · firewall iptables · userland-proxy on`. */
export function nameEngine({ version, firewall, userlandProxy }: Engine): string {
  const proxy = userlandProxy === null ? 'not known' : userlandProxy ? 'on' : 'off';
  const name = version === null ? 'engine of unknown version' : `engine ${version}`;
  return `${name} · firewall ${firewall ?? 'not known'} · userland-proxy ${proxy}`;
}

type Engine = NonNullable<Explanation['engine']>;
