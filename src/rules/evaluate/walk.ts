/** Takes a packet through the rules of a hook, in the kernel's order. */
import type { Chain, Hook, MapEntry, Rule, Table, Verdict } from '../../model/rules.js';
import { mark } from './marks.js';
import { testMatch, type Doubt } from './match.js';
import { addressText, exactAddress, type Packet } from './packet.js';
import type { RuleIndex, RuleRef } from './rule-index.js';
import { chooseSource, familyOf, type World } from './world.js';

/** What became of the packet in one hook. */
export interface HookEnd {
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** The rule that dropped or rejected it. */
  readonly by: RuleRef | null;
  /** The rule that gave it another destination, or left NAT alone. */
  readonly nat: RuleRef | null;
}

/** Thrown when a rule's effect is beyond this program: nothing that follows can be known. */
export class Undecidable extends Error {
  constructor(
    readonly ref: RuleRef,
    readonly about: string,
  ) {
    super(about);
  }
}

/** The answer to a doubt in this run: later runs try the other one. `ref` is null where routing asks. */
export type Decide = (doubt: Doubt, ref: RuleRef | null) => boolean;

const DEEPEST = 64;

/** Where the kernel looks a packet's connection up. */
const CONNTRACK = -200;
/** Where destinations are translated. */
const TRANSLATION = -100;

const NO_DOUBTS: readonly Doubt[] = [];

type End =
  | { readonly end: 'accept' | 'return' | 'drop' | 'reject'; readonly by: RuleRef }
  | { readonly end: 'fall-through' };

export class Walk {
  /** Every rule that held, in order. */
  readonly met: RuleRef[] = [];
  /** Rules for NAT that would have held but for an exception (`! -i`, `! -d`). */
  readonly spared: RuleRef[] = [];

  constructor(
    private readonly world: World,
    private readonly index: RuleIndex,
    private readonly decide: Decide,
  ) {}

  /**
   * @param nat whether the connection may still be translated at this hook.
   * @param meant what the translation of a known connection makes of the packet here.
   */
  run(hook: Hook, packet: Packet, nat: boolean, meant: Partial<Packet> | null = null): HookEnd {
    let rewritten: RuleRef | null = null;
    const bases = this.index.at(hook, packet.family);
    for (const [i, { table, chain }] of bases.entries()) {
      const isNat = chain.base?.type === 'nat';
      if (isNat && (!nat || packet.untracked || rewritten)) continue;
      if (meant && (chain.base?.priority ?? 0) > TRANSLATION) Object.assign(packet, meant);
      packet.early = isEarly(hook, chain, packet);
      const before = { ...packet };
      const met = this.met.length;
      const end = this.runChain(table, chain, packet, 0);
      if (isNat && isTranslated(before, packet)) {
        rewritten = this.met.slice(met).at(-1) ?? null;
        const rivals = bases.slice(i + 1).filter((other) => isRival(other.chain, chain));
        rewritten = this.contest(before, packet, rewritten, rivals);
      }
      const stop = readStop(end, { table, chain, rule: null });
      if (stop) {
        const rivals = bases.slice(i + 1).filter((other) => isEqual(other.chain, chain));
        return { ...this.contestStop(before, stop, rivals), nat: rewritten };
      }
    }
    return { verdict: 'accept', by: null, nat: rewritten };
  }

  /** What one chain drops, another of equal priority may have rejected before. */
  private contestStop(
    before: Packet,
    stop: Stop,
    rivals: readonly { table: Table; chain: Chain }[],
  ): Stop {
    for (const { table, chain } of rivals) {
      const met = this.met.length;
      const end = this.runChain(table, chain, { ...before }, 0);
      const other = readStop(end, { table, chain, rule: null });
      const since = this.met.splice(met);
      if (!other || other.verdict === stop.verdict) continue;
      const names = [stop.by, other.by].map(
        (one) => `${one.table.backend} (table ${one.table.name})`,
      );
      const about = `whether ${names.join(' or ')} has registered its chain first`;
      if (!this.decide({ about, chance: false }, other.by)) continue;
      this.met.push(...since);
      return other;
    }
    return stop;
  }

  /** Of two chains with equal priority the later registered is first, and no listing tells which that is. */
  private contest(
    before: Packet,
    packet: Packet,
    first: RuleRef | null,
    rivals: readonly { table: Table; chain: Chain }[],
  ): RuleRef | null {
    for (const { table, chain } of rivals) {
      const other = { ...before };
      const met = this.met.length;
      this.runChain(table, chain, other, 0);
      const [ref] = this.met.splice(met).slice(-1);
      if (!first || !ref || !isTranslated(before, other) || hasSameEnds(packet, other)) continue;
      const names = [first, ref].map((one) => `${one.table.backend} (table ${one.table.name})`);
      const about = `whether ${names.join(' or ')} has registered its chain for NAT first`;
      if (!this.decide({ about, chance: false }, ref)) continue;
      Object.assign(packet, other);
      this.met.push(ref);
      return ref;
    }
    return first;
  }

  private runChain(table: Table, chain: Chain, packet: Packet, depth: number): End {
    for (const ref of this.index.rules(table, chain)) {
      const { rule, port } = ref;
      // Most rules are for another port: of them nothing else is asked.
      if (port && testMatch(port, packet, this.world) === false) continue;
      const verdict = this.runRule(rule, ref, packet);
      if (verdict === null) continue;
      switch (verdict.do) {
        case 'continue':
          continue;
        case 'accept':
        case 'drop':
        case 'return':
        case 'reject':
          return { end: verdict.do, by: ref };
        case 'jump':
        case 'goto': {
          const next = this.index.chain(table, verdict.chain);
          if (!next) throw new Undecidable(ref, `the target ${verdict.chain}, which is not known`);
          if (depth > DEEPEST) throw new Undecidable(ref, 'chains that jump to each other');
          const end = this.runChain(table, next, packet, depth + 1);
          if (end.end === 'fall-through' || end.end === 'return') {
            if (verdict.do === 'goto') return { end: 'fall-through' };
            continue;
          }
          return end;
        }
        case 'unknown':
          throw new Undecidable(ref, verdict.text);
        case 'dnat':
        case 'snat':
        case 'masquerade':
        case 'redirect':
          // In a table for both families such a rule passes over packets of the other one.
          if (!this.fitsFamily(verdict, packet)) continue;
          this.translate(verdict, packet);
          return { end: 'accept', by: ref };
      }
    }
    return { end: 'fall-through' };
  }

  /** The rule's verdict, or null when it does not hold or decides nothing. */
  private runRule(rule: Rule, ref: RuleRef, packet: Packet): Verdict | null {
    let doubts: readonly Doubt[] = NO_DOUBTS;
    let known = false;
    // A doubt matters only when nothing else rules the rule out, and when the rule does anything.
    const settle = (): boolean => {
      const asked = doubts;
      doubts = NO_DOUBTS;
      if (!asked.every((doubt) => this.decide(doubt, ref))) return false;
      if (!known) this.met.push(ref);
      known = true;
      return true;
    };
    for (const step of rule.steps) {
      if (step.kind === 'match') {
        const answer = testMatch(step.match, packet, this.world);
        if (answer === false) {
          if (this.isExcepted(rule, ref, packet)) this.spared.push(ref);
          return null;
        }
        if (answer !== true) doubts = [...doubts, answer];
        continue;
      }
      if (step.kind === 'note') continue;
      if (step.kind === 'map') {
        const verdict = this.lookUp(step.entries, ref, packet);
        return verdict && settle() ? verdict : null;
      }
      if (!settle()) return null;
      if (step.kind === 'verdict') return step.verdict;
      if (step.kind === 'notrack') packet.untracked = true;
      else mark(step, packet);
    }
    return null;
  }

  private lookUp(entries: readonly MapEntry[], ref: RuleRef, packet: Packet): Verdict | null {
    const hit = entries.find(({ matches }) => {
      const answers = matches.map((match) => testMatch(match, packet, this.world));
      if (answers.includes(false)) return false;
      return answers.every((answer) => typeof answer === 'boolean' || this.decide(answer, ref));
    });
    return hit?.verdict ?? null;
  }

  private isExcepted(rule: Rule, ref: RuleRef, packet: Packet): boolean {
    if (ref.table.name !== 'nat' && ref.chain.base?.type !== 'nat') {
      if (!rule.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'dnat')) {
        return false;
      }
    }
    return rule.steps.every(
      (step) =>
        step.kind !== 'match' ||
        step.match.not ||
        testMatch(step.match, packet, this.world) !== false,
    );
  }

  private fitsFamily(verdict: Verdict, packet: Packet): boolean {
    const address = 'address' in verdict ? verdict.address : null;
    return address === null || familyOf(address) === packet.family;
  }

  private translate(
    verdict: Extract<Verdict, { do: 'dnat' | 'snat' | 'masquerade' | 'redirect' }>,
    packet: Packet,
  ): void {
    switch (verdict.do) {
      case 'dnat':
      case 'redirect': {
        const before = { ...packet };
        if (verdict.do === 'redirect') {
          packet.destination = this.ownAddress(packet, packet.inDevice);
        } else if (verdict.address !== null) packet.destination = exactAddress(verdict.address);
        if (verdict.port !== null) packet.destinationPort = verdict.port;
        // To conntrack, what leaves the tuple as it was is no translation.
        if (!hasSameEnds(before, packet)) packet.dnat = true;
        break;
      }
      case 'snat':
        if (verdict.address !== null) packet.source = exactAddress(verdict.address);
        packet.snat = true;
        break;
      case 'masquerade':
        // To masquerade, an address that only this host has is none: lo has no other.
        packet.source =
          packet.outDevice === 'lo' ? { kind: 'own' } : this.ownAddress(packet, packet.outDevice);
        packet.snat = true;
        break;
    }
  }

  private ownAddress(packet: Packet, device: Packet['inDevice']): Packet['source'] {
    const loopback = packet.family === 4 ? '127.0.0.1' : '::1';
    if (device === null) return exactAddress(loopback);
    const found = this.world.devices.find(({ name }) => name === device);
    const target = packet.destination.kind === 'exact' ? packet.destination.text : loopback;
    const source = found ? chooseSource(found, target) : null;
    return source === null ? { kind: 'own' } : exactAddress(source);
  }
}

interface Stop {
  readonly verdict: 'drop' | 'reject';
  readonly by: RuleRef;
}

/** @param policy the base chain, for what falls through it */
function readStop(end: End, policy: RuleRef): Stop | null {
  if (end.end === 'drop' || end.end === 'reject') return { verdict: end.end, by: end.by };
  if (end.end === 'accept' || policy.chain.policy !== 'drop') return null;
  return { verdict: 'drop', by: policy };
}

/** What comes over lo brings its connection along. */
function isEarly(hook: Hook, { base }: Chain, { inDevice }: Packet): boolean {
  if (hook !== 'output' && (hook !== 'prerouting' || inDevice === 'lo')) return false;
  return base !== null && base.priority < CONNTRACK;
}

function isTranslated(before: Packet, after: Packet): boolean {
  return before.dnat !== after.dnat || before.snat !== after.snat;
}

function isRival(other: Chain, chain: Chain): boolean {
  return other.base?.type === 'nat' && isEqual(other, chain);
}

function isEqual(other: Chain, chain: Chain): boolean {
  return other.base?.priority === chain.base?.priority;
}

function hasSameEnds(a: Packet, b: Packet): boolean {
  const ends = ({ source, destination, destinationPort }: Packet): string =>
    [source, destination].map((end) => addressText(end) ?? end.kind).join() + destinationPort;
  return ends(a) === ends(b);
}
