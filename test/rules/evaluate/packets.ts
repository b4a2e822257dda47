/** Rules built by hand and one packet that meets them; a test names only what it is about. */
import {
  TCP_FLAGS,
  type Chain,
  type Hook,
  type Match,
  type Rule,
  type RuleSet,
  type Step,
  type Table,
  type RuleVerdict,
} from '../../../src/model/rules.js';
import type { Undecided } from '../../../src/rules/evaluate/doubt.js';
import {
  createPacket,
  exactAddress,
  UNZONED,
  type TrialPacket,
  type Turn,
} from '../../../src/rules/evaluate/packet.js';
import { RuleIndex } from '../../../src/rules/evaluate/rule-index.js';
import { Walk } from '../../../src/rules/evaluate/walk.js';
import type { HookEnd } from '../../../src/rules/evaluate/hook-end.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { makeWorld, NOTHING } from './worlds.js';

const CLIENT = '203.0.113.7';

export function rule(...steps: Step[]): Rule {
  return { text: steps.map(({ kind }) => kind).join(), steps, packets: null, comment: null };
}

/** A condition that is not turned round unless told. */
export type Condition = Match extends infer M ? (M extends Match ? Omit<M, 'not'> : never) : never;

export function when(condition: Condition, not = false): Step {
  return { kind: 'match', match: { ...condition, not } as Match };
}

export function then(verdict: RuleVerdict): Step {
  return { kind: 'verdict', verdict };
}

export const DROP = then({ do: 'drop' });
export const ACCEPT = then({ do: 'accept' });

interface BaseOptions {
  readonly type?: 'filter' | 'nat' | 'route';
  readonly priority?: number;
  readonly policy?: 'accept' | 'drop';
}

/** A chain that the kernel calls at a hook. */
export function base(name: string, hook: Hook, rules: Rule[], options: BaseOptions = {}): Chain {
  const { type = 'filter', priority = 0, policy = 'accept' } = options;
  return { name, base: { hook, type, priority }, policy, packets: null, rules };
}

/** A chain that others jump to. */
export function chain(name: string, ...rules: Rule[]): Chain {
  return { name, base: null, policy: 'accept', packets: null, rules };
}

export function table(name: string, chains: Chain[], more: Partial<Table> = {}): Table {
  return { backend: 'iptables-nft', family: 'ip', name, chains, ...more };
}

export function ruleSet(...tables: Table[]): RuleSet {
  return { tables, notes: [] };
}

export interface Meeting {
  readonly world?: World;
  /** What every doubt is answered with. */
  readonly decide?: boolean;
  /** Whether the connection may still be translated. */
  readonly nat?: boolean;
}

export interface Met {
  readonly end: HookEnd;
  readonly packet: TrialPacket;
  readonly doubts: readonly Undecided[];
  readonly walk: Walk;
}

/** The first packet of a client elsewhere to the published port, on its way in by ext0. */
export function makePacket(change: Partial<TrialPacket> = {}): TrialPacket {
  return createPacket({
    family: 4,
    protocol: 'tcp',
    source: exactAddress(CLIENT),
    destination: exactAddress('198.51.100.1'),
    destinationPort: 6379,
    inDevice: 'ext0',
    ...change,
  });
}

/** TCP flags of each turn. */
const { syn, ack, rst } = TCP_FLAGS;
const TURNS: Readonly<Record<Turn, number>> = {
  first: syn,
  answer: syn | ack,
  refusal: rst | ack,
  later: ack,
};

/** What the hooks before have made of it: only prerouting and output look a connection up, and over lo it is known. */
function follow(
  hook: Hook,
  { turn = 'first', inDevice, protocol }: Partial<TrialPacket>,
): Partial<TrialPacket> {
  const begins = hook === 'output' || (hook === 'prerouting' && inDevice !== 'lo');
  return {
    tracking: begins ? 'none' : turn === 'first' ? 'new' : 'established',
    entry: { zones: UNZONED, answered: turn === 'later' },
    flags: protocol === 'udp' ? 0 : TURNS[turn],
  };
}

/** Takes the packet through one hook. */
export function meet(
  rules: RuleSet,
  hook: Hook,
  change: Partial<TrialPacket> = {},
  { world = makeWorld(NOTHING, true), decide = false, nat = true }: Meeting = {},
): Met {
  const packet = makePacket({ ...follow(hook, change), ...change });
  const doubts: Undecided[] = [];
  const walk = new Walk(world, new RuleIndex(rules), (doubt) => {
    doubts.push(doubt);
    return decide;
  });
  return { end: walk.run(hook, packet, nat), packet, doubts, walk };
}

/** Whether the packet meets the condition: yes, no, or `doubt`. */
export function meets(
  condition: Condition,
  change: Partial<TrialPacket> = {},
  { not = false, world, hook = 'input' }: { not?: boolean; world?: World; hook?: Hook } = {},
): boolean | 'doubt' | 'chance' {
  const rules = ruleSet(table('filter', [base('A', hook, [rule(when(condition, not), DROP)])]));
  const { end, doubts } = meet(rules, hook, change, world ? { world } : {});
  if (doubts.length > 0) return doubts.every(({ chance }) => chance) ? 'chance' : 'doubt';
  return end.verdict === 'drop';
}
