/** Tries predicted connections and finds what really happened, from the server's answer and conntrack. */
import { fileURLToPath } from 'node:url';
import type { Lab, LabContainer } from '../../src/lab/index.js';
import { canonicalAddress } from '../../src/model/address.js';
import type { Prediction } from '../../src/model/explain.js';
import type { Answer, Question } from '../lab/ask.js';

export interface Stage {
  readonly lab: Lab;
  readonly containers: ReadonlyMap<string, LabContainer>;
}

/** What became of one connection. */
export interface Outcome extends Answer {
  /** Whether conntrack has another server for the replies than the one dialled; null when it kept no entry. */
  readonly translated: boolean | null;
}

const ASK = fileURLToPath(new URL('../lab/ask.js', import.meta.url));

/** How long nobody answers before it counts as dropped. */
const PATIENCE = 1_500;

type Way = Pick<Prediction, 'from' | 'to' | 'protocol'>;

/**
 * All at once, from each place by one process.
 * @param look is called while connections that were answered are open.
 * @param patience in milliseconds: a machine that traces as well is slower.
 */
export async function attempt(
  stage: Stage,
  ways: readonly Way[],
  look: (() => Promise<void>) | null = null,
  patience = PATIENCE,
): Promise<Outcome[]> {
  const { lab } = stage;
  await lab.exec('host', ['conntrack', '-F']);
  const places = [...new Set(ways.map(({ from }) => from))];
  const outcomes = new Map<Way, Answer>();
  const looking = look && new Promise((resolve) => setTimeout(resolve, patience + 500)).then(look);
  await Promise.all(
    places.map(async (from) => {
      const own = ways.filter((way) => way.from === from);
      const questions = own.map(toQuestion);
      const hold = look ? '2500' : '0';
      const command = [process.execPath, ASK, JSON.stringify(questions), String(patience), hold];
      const { stdout } = await lab.exec(placeOf(stage, from), command);
      const answers = JSON.parse(stdout) as Answer[];
      for (const [i, way] of own.entries()) {
        const answer = answers[i];
        if (answer) outcomes.set(way, answer);
      }
    }),
  );
  await looking;
  const entries = await readConntrack(lab);
  return ways.map((way) => {
    const answer = outcomes.get(way);
    if (!answer) throw new Error(`no answer for ${JSON.stringify(way)}`);
    const { protocol, host, port } = toQuestion(way);
    const entry = entries.find(
      ({ kind, original }) =>
        kind === protocol &&
        original.sport === answer.localPort &&
        original.dst === host &&
        original.dport === port,
    );
    const translated =
      entry === undefined
        ? null
        : entry.reply.src !== entry.original.dst || entry.reply.sport !== entry.original.dport;
    return { ...answer, translated };
  });
}

function toQuestion({ to, protocol }: Way): Question {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  return { protocol, host, port: Number(port) };
}

function placeOf({ containers }: Stage, from: string): 'client' | 'host' | LabContainer {
  if (from === 'outside') return 'client';
  if (from === 'host') return 'host';
  const container = containers.get(from.replace(/^container /, ''));
  if (!container) throw new Error(`no place for ${from}`);
  return container;
}

interface Tuple {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

async function readConntrack(lab: Lab): Promise<{ kind: string; original: Tuple; reply: Tuple }[]> {
  const lists = await Promise.all(
    ['ipv4', 'ipv6'].map((family) => lab.exec('host', ['conntrack', '-L', '-f', family])),
  );
  return lists.flatMap(({ stdout }) =>
    stdout.split('\n').flatMap((line) => {
      const [original, reply] = [0, 1].map((at) => {
        const get = (key: string): string =>
          [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, 'g'))][at]?.[1] ?? '';
        const address = (key: string): string => canonicalAddress(get(key)) ?? '';
        return {
          src: address('src'),
          dst: address('dst'),
          sport: Number(get('sport')),
          dport: Number(get('dport')),
        };
      });
      const kind = line.split(' ')[0] ?? '';
      return original && reply && kind !== '' ? [{ kind, original, reply }] : [];
    }),
  );
}

/** Packets that rules for DNAT have counted: a second witness, also of those that were dropped. */
export async function countTranslations({ lab }: Stage): Promise<number> {
  const { stdout } = await lab.exec('host', ['nft', 'list', 'ruleset']);
  const counts = stdout.matchAll(/dport \d+ counter packets (\d+) bytes \d+ dnat/g);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
