/** Tries one set-up: builds it, explains it, and tries every prediction with a real connection. */
import { execa } from 'execa';
import { explain } from '../../src/app/explain.js';
import { canonicalAddress } from '../../src/model/address.js';
import type { Explanation, Prediction } from '../../src/model/explain.js';
import type { Dialled } from './agent.js';
import { writeRules } from './catalogue.js';
import type { SetupPlan } from './plan.js';
import { PORT, SetupHost, type Place } from './host.js';

/** One vantage: what was said and what was seen. */
export interface Trial {
  readonly way: string;
  readonly prediction: Prediction;
  readonly seen: Dialled & { readonly translated: boolean | null };
  readonly right: boolean | null;
}

export interface Tried {
  readonly plan: SetupPlan;
  readonly trials: readonly Trial[];
  readonly problems: readonly string[];
}

/** Addresses of the clients outside. */
const OUTSIDE = ['198.51.100.2', '203.0.113.2', '2001:db8:198:51::2'];

/** Milliseconds: longer than the kernel takes to send a SYN again. */
const PATIENCE = 1_300;
/** For those that heard nothing and should have: a busy machine may be slow. */
// The kernel tells a client of few errors at once (icmp_ratelimit): a SYN that is sent again hears of one later.
const UNHURRIED = 9_000;

export async function trySetup(plan: SetupPlan): Promise<Tried> {
  const { engine, changes, client, protocol, six } = plan;
  const listens = changes.flatMap((change) => (change.listens ? [change.listens] : []))[0];
  const host = await SetupHost.build({
    rules: writeRules(engine, protocol, six),
    proxy: engine.proxy,
    protocol,
    six,
    macvlan: changes.some((change) => change.macvlan === true),
    commands: changes.flatMap(({ steps }) => steps),
    listens: listens ?? null,
  });
  try {
    const explanation = await look(host, plan.client);
    const first = await dialAll(host, explanation.predictions.filter(isThere), {
      patience: PATIENCE,
      client,
    });
    const late = first.filter(({ right, seen }) => right === false && seen.end === 'dropped');
    const again = await dialAll(
      host,
      late.map(({ prediction }) => prediction),
      { patience: UNHURRIED, client },
    );
    const trials = first.map((trial) => {
      const at = late.indexOf(trial);
      return at < 0 ? trial : (again[at] ?? trial);
    });
    return { plan, trials, problems: explanation.problems };
  } finally {
    await host.remove();
  }
}

/** A busy machine may not let everything be read in time: then it is read again. */
async function look(host: SetupHost, client: string | null): Promise<Explanation> {
  const request = {
    query: { ports: [PORT] },
    netns: host.nameOf('host'),
    client,
    dockerHost: host.dockerHost,
    patience: 30_000,
  };
  for (let left = 3; ; left--) {
    const explanation = await explain(request);
    if (explanation.problems.length === 0 || left === 0) return explanation;
  }
}

async function dialAll(
  host: SetupHost,
  predictions: readonly Prediction[],
  { patience, client }: { readonly patience: number; readonly client: string | null },
): Promise<Trial[]> {
  if (predictions.length === 0) return [];
  await execa('nsenter', [`--net=/run/netns/${host.nameOf('host')}`, 'conntrack', '-F']);
  const told = await Promise.all(
    predictions.map((prediction) => {
      const { to, protocol } = prediction;
      const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
      return host.dial(placeOf(prediction, client), {
        protocol,
        host: address,
        port: Number(port),
        patience,
      });
    }),
  );
  const entries = await listTranslated(host);
  return predictions.map((prediction, i): Trial => {
    const dialled = told[i];
    if (!dialled) throw new Error('a dial without an end');
    const translated = entries.get(`${dialled.port ?? 0} ${prediction.to}`) ?? null;
    const seen = { ...dialled, translated };
    const way = `${prediction.vantage}: ${prediction.from} → ${prediction.to}`;
    return { way, prediction, seen, right: judge(prediction, seen) };
  });
}

/** Port 6390 of the rule sets leads to a container that no set-up has; others are on bridges where nobody is. */
function isThere({ from, to }: Prediction): boolean {
  return (
    to.endsWith(`:${PORT}`) &&
    !/^(172\.17\.0\.3:|\[fd00:17::3\])/.test(to) &&
    !from.includes('a container on')
  );
}

function placeOf({ from, to }: Prediction, client: string | null): Place {
  if (from === 'outside')
    return client === null && to.startsWith('203.0.113.1:') ? 'vpn' : 'client';
  if (from === 'host') return 'host';
  const name = from.replace(/^container /, '');
  if (name === 'redis' || name === 'other' || name === 'far') return name;
  throw new Error(`no place for ${from}`);
}

/** By the client's port and what it dialled: whether the server's end was rewritten. */
async function listTranslated(host: SetupHost): Promise<Map<string, boolean>> {
  const lists = await Promise.all(
    ['ipv4', 'ipv6'].map((family) =>
      execa('nsenter', [
        `--net=/run/netns/${host.nameOf('host')}`,
        'conntrack',
        '-L',
        '-f',
        family,
      ]),
    ),
  );
  const found = new Map<string, boolean>();
  for (const line of lists.flatMap(({ stdout }) => stdout.split('\n'))) {
    const all = (key: string): string[] =>
      [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, 'g'))].map(([, value = '']) => value);
    const [to, answers] = [
      canonicalAddress(all('dst')[0] ?? ''),
      canonicalAddress(all('src')[1] ?? ''),
    ];
    const [port, from] = [all('dport')[0], all('sport')[1]];
    if (to === null || answers === null) continue;
    const dialled = to.includes(':') ? `[${to}]:${port}` : `${to}:${port}`;
    found.set(`${all('sport')[0]} ${dialled}`, to !== answers || port !== from);
  }
  return found;
}

/** Null where nothing was predicted. */
function judge(prediction: Prediction, seen: Trial['seen']): boolean | null {
  const { path, sourceSeen } = prediction;
  if (path === 'unknown') return null;
  // Who is refused by a rule or a route may hear any of ICMP's errors.
  const end = seen.end === 'unreachable' && path === 'refused' ? 'refused' : seen.end;
  if (path === 'refused' || path === 'dropped') return end === path || end === 'denied';
  if (prediction.obstacles.length > 0) {
    return prediction.protocol === 'udp' ? end === 'dropped' : end === 'reset' || end === 'silent';
  }
  if (end !== 'answered') return false;
  if ((path === 'dnat') !== (seen.translated ?? false)) return false;
  const source = seen.seen === null ? null : canonicalAddress(seen.seen);
  if (sourceSeen !== null) return source === sourceSeen;
  // The outside client's own address; of another client it is not known which.
  return prediction.vantage === 'outside' ? OUTSIDE.includes(source ?? '') : true;
}
