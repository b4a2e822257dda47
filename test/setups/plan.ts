/** The set-up of a seed: rules of one engine, a protocol, the families that containers have, and changes of any kind. */
import { randomizer } from '../decode/frames.js';
import {
  BRIDGES,
  INSIDE,
  pick,
  ROUTING,
  RULES,
  type Change,
  type Dice,
  type EngineRules,
  type Exotic,
} from './catalogue.js';
import { FOURTH } from './fourth.js';
import { THIRD } from './third.js';
import { MORE_INSIDE, MORE_ROUTING, MORE_RULES } from './more.js';
import type { Protocol } from '../../src/model/event.js';

export interface SetupPlan {
  readonly seed: number;
  readonly engine: EngineRules;
  readonly changes: readonly Change[];
  /** Whether explain is told who the client outside is. */
  readonly client: string | null;
  readonly protocol: Protocol;
  /** Whether containers have addresses of IPv6 too. */
  readonly six: boolean;
}

/** Seeds up to this one are of TCP, and of the first kinds: what they were tried with stays as it was. */
const FIRST_KINDS = 400;

/** Seeds from this one on are of the third kinds too. */
const THIRD_KINDS = 3000;

/** Seeds from this one on are of the fourth kinds too, which then have the largest share. */
const FOURTH_KINDS = 6000;

/** The plan of a seed: the same on every machine. */
export function makePlan(seed: number, engines: readonly EngineRules[]): SetupPlan {
  const dice = randomizer(seed * 2654435761);
  // The first numbers of neighbouring seeds are much alike.
  for (let i = 0; i < 20; i++) dice(7);
  return seed <= FIRST_KINDS
    ? planFirst(seed, dice, engines)
    : { seed, ...planAny(dice, engines, seed) };
}

/** What of a plan counts as exotic. */
export function listExotic({ changes }: SetupPlan): Exotic[] {
  return changes.flatMap(({ exotic }) => exotic ?? []);
}

/** One or two changes, of any kind; each kind's turn comes equally often. */
function planFirst(seed: number, dice: Dice, engines: readonly EngineRules[]): SetupPlan {
  const kinds = [ROUTING, INSIDE, BRIDGES, RULES];
  const weights = [0, 0, 0, 1, 1, 1, 2, 3, 3];
  const engine = pick(dice, engines);
  const count = dice(10) === 0 ? 0 : 1 + (dice(4) === 0 ? 1 : 0);
  const changes = Array.from({ length: count }, () => {
    const kind = kinds[weights[dice(weights.length)] ?? 0] ?? ROUTING;
    return pick(dice, kind)(dice, 'tcp');
  });
  const client = dice(2) === 0 ? null : '198.51.100.2';
  return { seed, engine, changes, client, protocol: 'tcp', six: false };
}

function planAny(
  dice: Dice,
  engines: readonly EngineRules[],
  seed: number,
): Omit<SetupPlan, 'seed'> {
  const protocol = dice(5) < 2 ? 'udp' : 'tcp';
  const six = dice(2) === 0;
  const kinds = [
    ...[ROUTING, INSIDE, BRIDGES, RULES],
    ...[MORE_ROUTING, MORE_INSIDE, MORE_RULES, MORE_RULES],
    ...(seed < THIRD_KINDS ? [] : [...THIRD, ...THIRD]),
    ...(seed < FOURTH_KINDS ? [] : [FOURTH, FOURTH, FOURTH, FOURTH].flat()),
  ];
  const engine = pick(dice, engines);
  const count = dice(12) === 0 ? 0 : 1 + (dice(3) === 0 ? 1 : 0);
  const changes = Array.from({ length: count }, () => {
    const change = pick(dice, pick(dice, kinds))(dice, protocol);
    return protocol === 'udp' ? forUdp(change) : change;
  });
  const clients = [null, '198.51.100.2', six ? '2001:db8:198:51::2' : null];
  return { engine, changes, client: pick(dice, clients), protocol, six };
}

/** The first kinds name TCP. */
function forUdp(change: Change): Change {
  const rewrite = (text: string): string =>
    /--syn|tcp flags|tcp-flags|tcp.reset/.test(text)
      ? text
      : text.replace(/-p tcp\b|\btcp (?=[ds]port)|ipproto tcp/g, (word) =>
          word.replace('tcp', 'udp'),
        );
  return {
    ...change,
    name: rewrite(change.name),
    steps: change.steps.map(({ at, script }) => ({ at, script: rewrite(script) })),
  };
}
