/** Takes a packet through the rules of a hook, in the kernel's order. */
import type { Decide, HookEnd, HookStop } from './hook-end.js';
import type { Chain, Hook, MapEntry, Rule, Step, Table, RuleVerdict } from '../../model/rules.js';
import { mark } from './marks.js';
import { testMatch } from './match.js';
import { Undecidable, wonder, type Undecided } from './doubt.js';
import { Layers } from './layers.js';
import { UNZONED, type TrialPacket } from './packet.js';
import type { BaseRef, RuleIndex, RuleRef } from './rule-index.js';
import { track, trackBefore } from './tracking.js';
import {
  fitsFamily,
  hasSameAddresses,
  hasSameEnds,
  isTranslated,
  rankNat,
  translate,
  translateBack,
  type Meant,
} from './translate.js';
import type { World } from './world.js';

const DEEPEST = 64;

const NO_DOUBTS: readonly Undecided[] = [];

type End =
  | {
      readonly end: 'accept' | 'return' | 'drop' | 'reject';
      readonly by: RuleRef;
      /** Whether the rule fixed the connection's NAT, even if the address stays the same. */
      readonly bound?: boolean;
      /** Whether a rejection is a TCP reset. */
      readonly reset?: boolean;
    }
  | { readonly end: 'fall-through' };

export class Walk {
  /** Every rule that held, in order. */
  readonly met: RuleRef[] = [];
  /** Versions of IP whose rules it asked for. */
  readonly families = new Set<4 | 6>();
  /** NAT rules that only an exception (`! -i`, `! -d`) kept from matching. */
  readonly spared: RuleRef[] = [];

  /** Runs the rules below IP. */
  readonly #layers: Layers;

  readonly #world: World;
  readonly #index: RuleIndex;
  readonly #decide: Decide;

  constructor(world: World, index: RuleIndex, decide: Decide) {
    this.#world = world;
    this.#index = index;
    this.#decide = decide;
    this.#layers = new Layers({
      world,
      index,
      decide,
      ask: ({ table, chain }, packet) =>
        readStop(this.#runChain(table, chain, packet, 0), { table, chain, rule: null }),
    });
  }

  /** Takes a packet from one port of a bridge to another by the rules of bridges and devices alone. */
  cross(packet: TrialPacket): HookEnd | null {
    return this.#layers.cross(packet);
  }

  /** Whether a rule tells packets of one connection apart by their TCP flags. */
  get asksFlags(): boolean {
    return this.#index.asksFlags;
  }

  /**
   * @param nat whether the connection may still be translated at this hook.
   * @param meant what the translation of a known connection makes of the packet here.
   */
  run(hook: Hook, packet: TrialPacket, nat: boolean, meant: Meant | null = null): HookEnd {
    const entered = hook === 'prerouting' ? this.#layers.enter(packet) : null;
    if (entered && !this.#layers.isAtBridge(packet)) return entered;
    const before = { ...packet };
    const end = this.runHook(hook, packet, nat, meant);
    if (hook === 'prerouting') return this.#layers.settle(entered, end, before, packet);
    if (hook !== 'postrouting' || end.verdict !== 'accept') return end;
    return { ...end, ...this.#layers.leave(packet) };
  }

  /** Runs the IP rules alone: bridged packets meet the rules of their bridge once, see {@link cross}. */
  runHook(hook: Hook, packet: TrialPacket, nat: boolean, meant: Meant | null = null): HookEnd {
    let rewritten: RuleRef | null = null;
    let bound = false;
    this.families.add(packet.family);
    const bases = this.#index.at(hook, packet.family);
    for (const [i, { table, chain }] of bases.entries()) {
      const isNat = chain.base?.type === 'nat';
      const priority = chain.base?.priority ?? 0;
      trackBefore(hook, isNat ? rankNat(hook) : priority, packet);
      if (isNat && (!nat || bound || packet.tracking !== 'new')) continue;
      this.#translateKnown(hook, packet, meant, priority);
      const before = { ...packet };
      const met = this.met.length;
      const end = this.#runChain(table, chain, packet, 0);
      if (isNat && 'bound' in end && end.bound === true) {
        bound = true;
        rewritten = this.met.slice(met).at(-1) ?? null;
        const rivals = bases.slice(i + 1).filter((other) => isRival(other.chain, chain));
        rewritten = this.#contest(before, packet, rewritten, rivals);
        if (!isTranslated(before, packet)) rewritten = null;
      }
      if (hook === 'output' && looksAgain({ table, chain }, before, packet)) {
        packet.rerouted = { mark: packet.mark };
      }
      const stop = readStop(end, { table, chain, rule: null });
      if (stop) {
        const rivals = bases.slice(i + 1).filter((other) => isEqual(other.chain, chain));
        return { ...this.#contestStop(before, stop, rivals), nat: rewritten };
      }
    }
    if (hook === 'prerouting' || hook === 'output') track(packet);
    this.#translateKnown(hook, packet, meant, Infinity);
    return { verdict: 'accept', by: null, reset: false, nat: rewritten };
  }

  #translateKnown(hook: Hook, packet: TrialPacket, meant: Meant | null, priority: number): void {
    const before = { ...packet };
    translateBack(hook, packet, meant, priority);
    if (hook === 'output' && !hasSameAddresses(before, packet)) {
      packet.rerouted = { mark: packet.mark };
    }
  }

  /** Asks whether another chain of equal priority stops the packet first, with another verdict. */
  #contestStop(
    before: TrialPacket,
    stop: HookStop,
    rivals: readonly { table: Table; chain: Chain }[],
  ): HookStop {
    for (const { table, chain } of rivals) {
      const met = this.met.length;
      const end = this.#runChain(table, chain, { ...before }, 0);
      const other = readStop(end, { table, chain, rule: null });
      const since = this.met.splice(met);
      if (!other || other.verdict === stop.verdict) continue;
      if (!this.#decide(askFirst([stop.by, other.by], false), other.by)) continue;
      this.met.push(...since);
      return other;
    }
    return stop;
  }

  /**
   * Asks which of two NAT chains of equal priority runs first: the one registered later does, but no listing tells
   * which.
   */
  #contest(
    before: TrialPacket,
    packet: TrialPacket,
    first: RuleRef | null,
    rivals: readonly { table: Table; chain: Chain }[],
  ): RuleRef | null {
    for (const { table, chain } of rivals) {
      const other = { ...before };
      const met = this.met.length;
      this.#runChain(table, chain, other, 0);
      const [ref] = this.met.splice(met).slice(-1);
      if (!first || !ref || !isTranslated(before, other) || hasSameEnds(packet, other)) continue;
      if (!this.#decide(askFirst([first, ref], true), ref)) continue;
      Object.assign(packet, other);
      this.met.push(ref);
      return ref;
    }
    return first;
  }

  #runChain(table: Table, chain: Chain, packet: TrialPacket, depth: number): End {
    for (const ref of this.#index.rules(table, chain)) {
      const { rule, port } = ref;
      // Most rules are for another port: skip their other conditions.
      if (port && testMatch(port, packet, this.#world) === false) continue;
      const verdict = this.#runRule(rule, ref, packet);
      if (verdict === null) continue;
      switch (verdict.do) {
        case 'continue':
          continue;
        case 'accept':
        case 'drop':
        case 'return':
          return { end: verdict.do, by: ref };
        case 'reject':
          return { end: verdict.do, by: ref, reset: verdict.reset };
        case 'jump':
        case 'goto': {
          const next = this.#index.chain(table, verdict.chain);
          if (!next) {
            throw new Undecidable(ref, { code: 'unknown-target', chain: verdict.chain });
          }
          if (depth > DEEPEST) throw new Undecidable(ref, { code: 'endless-jumps' });
          const end = this.#runChain(table, next, packet, depth + 1);
          if (end.end === 'fall-through' || end.end === 'return') {
            if (verdict.do === 'goto') return { end: 'fall-through' };
            continue;
          }
          return end;
        }
        case 'unknown':
          throw new Undecidable(ref, {
            code: verdict.holds ? 'holds' : 'as-written',
            text: verdict.text,
          });
        case 'dnat':
        case 'snat':
        case 'masquerade':
        case 'redirect':
          // In a table for both families, a NAT rule skips packets of the other family.
          if (!fitsFamily(verdict, packet)) continue;
          translate(verdict, packet, this.#world);
          return { end: 'accept', by: ref, bound: true };
      }
    }
    return { end: 'fall-through' };
  }

  /** The rule's verdict, or null when it does not hold or decides nothing. */
  #runRule(rule: Rule, ref: RuleRef, packet: TrialPacket): RuleVerdict | null {
    let doubts: readonly Undecided[] = NO_DOUBTS;
    let known = false;
    // A doubt matters only if no other condition rules the rule out and the rule does something.
    const settle = (): boolean => {
      const asked = doubts;
      doubts = NO_DOUBTS;
      if (!asked.every((doubt) => this.#decide(doubt, ref))) return false;
      if (!known) this.met.push(ref);
      known = true;
      return true;
    };
    for (const step of rule.steps) {
      if (step.kind === 'match') {
        const answer = testMatch(step.match, packet, this.#world);
        if (answer === false) {
          if (this.#isExcepted(rule, ref, packet)) this.spared.push(ref);
          return null;
        }
        if (answer !== true) doubts = [...doubts, answer];
        continue;
      }
      if (step.kind === 'note') continue;
      if (step.kind === 'map') {
        const verdict = this.#lookUp(step.entries, ref, packet);
        return verdict && settle() ? verdict : null;
      }
      if (!settle()) return null;
      if (step.kind === 'verdict') return step.verdict;
      this.#act(step, packet);
    }
    return null;
  }

  #act(
    step: Exclude<Step, { kind: 'match' | 'verdict' | 'map' | 'note' }>,
    packet: TrialPacket,
  ): void {
    switch (step.kind) {
      case 'notrack':
        if (awaitsTracking(packet)) packet.tracking = 'untracked';
        break;
      case 'zone':
        if (!awaitsTracking(packet)) break;
        packet.zone = {
          original: step.direction === 'reply' ? 0 : step.zone,
          reply: step.direction === 'original' ? 0 : step.zone,
        };
        break;
      case 'helper':
        packet.helped = true;
        break;
      case 'offload':
        packet.offloaded = true;
        break;
      default:
        mark(step, packet);
    }
  }

  #lookUp(entries: readonly MapEntry[], ref: RuleRef, packet: TrialPacket): RuleVerdict | null {
    const hit = entries.find(({ matches }) => {
      const answers = matches.map((match) => testMatch(match, packet, this.#world));
      if (answers.includes(false)) return false;
      return answers.every((answer) => typeof answer === 'boolean' || this.#decide(answer, ref));
    });
    return hit?.verdict ?? null;
  }

  #isExcepted(rule: Rule, ref: RuleRef, packet: TrialPacket): boolean {
    if (ref.table.name !== 'nat' && ref.chain.base?.type !== 'nat') {
      if (!rule.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'dnat')) {
        return false;
      }
    }
    return rule.steps.every(
      (step) =>
        step.kind !== 'match' ||
        step.match.not ||
        testMatch(step.match, packet, this.#world) !== false,
    );
  }
}

/** Asks which of two base chains of equal priority the kernel calls first. */
function askFirst(refs: readonly RuleRef[], nat: boolean): Undecided {
  const tables = refs.map(({ table: { backend, name } }) => ({ backend, table: name }));
  return wonder({ code: 'first-registered', tables, nat });
}

/** @param policy the base chain, whose policy applies to packets that fall through it */
function readStop(end: End, policy: RuleRef): HookStop | null {
  if (end.end === 'drop' || end.end === 'reject') {
    return { verdict: end.end, by: end.by, reset: end.reset ?? false };
  }
  if (end.end === 'accept' || policy.chain.policy !== 'drop') return null;
  return { verdict: 'drop', by: policy, reset: false };
}

/**
 * Whether the host looks up the route again: after NAT changed an address, or after a chain that reroutes changed the
 * mark or an address.
 */
function looksAgain({ table, chain }: BaseRef, before: TrialPacket, after: TrialPacket): boolean {
  if (chain.base?.type === 'nat') return !hasSameAddresses(before, after);
  const routes =
    chain.base?.type === 'route' || (table.backend !== 'nftables' && table.name === 'mangle');
  return routes && (before.mark !== after.mark || !hasSameAddresses(before, after));
}

function isRival(other: Chain, chain: Chain): boolean {
  return other.base?.type === 'nat' && isEqual(other, chain);
}

function isEqual(other: Chain, chain: Chain): boolean {
  return other.base?.priority === chain.base?.priority;
}

/**
 * Whether no rule has decided yet how the packet is tracked: the kernel applies only the first NOTRACK or zone rule.
 */
function awaitsTracking({ tracking, zone }: TrialPacket): boolean {
  return tracking === 'none' && zone === UNZONED;
}
