/** Takes a packet through the rules of a hook, in the kernel's order. */
import {
  HOOKS,
  type Chain,
  type Hook,
  type Rule,
  type RuleSet,
  type Table,
  type Verdict,
} from '../../model/rules.js';
import { testMatch, type Doubt } from './match.js';
import { exactAddress, type Packet } from './packet.js';
import { chooseSource, familyOf, type World } from './world.js';

/** A rule, or a chain's policy when there is no rule, with its place. */
export interface RuleRef {
  readonly table: Table;
  readonly chain: Chain;
  readonly rule: Rule | null;
}

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

/** Base chains of each hook in order of priority, chains by name. Made once per rule set. */
export class RuleIndex {
  private readonly bases = new Map<Hook, { table: Table; chain: Chain }[]>();
  private readonly chains = new Map<Table, Map<string, Chain>>();

  constructor(rules: RuleSet) {
    for (const hook of HOOKS) this.bases.set(hook, []);
    for (const table of rules.tables) {
      this.chains.set(table, new Map(table.chains.map((chain) => [chain.name, chain])));
      for (const chain of table.chains) {
        if (chain.base) this.bases.get(chain.base.hook)?.push({ table, chain });
      }
    }
    for (const list of this.bases.values()) {
      list.sort((a, b) => (a.chain.base?.priority ?? 0) - (b.chain.base?.priority ?? 0));
    }
  }

  at(hook: Hook, family: 4 | 6): { table: Table; chain: Chain }[] {
    const own = family === 4 ? 'ip' : 'ip6';
    const list = this.bases.get(hook) ?? [];
    return list.filter(({ table }) => table.family === own || table.family === 'inet');
  }

  chain(table: Table, name: string): Chain | null {
    return this.chains.get(table)?.get(name) ?? null;
  }
}

/** The answer to a doubt in this run: later runs try the other one. */
export type Decide = (doubt: Doubt, ref: RuleRef) => boolean;

const DEEPEST = 64;

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

  /** @param nat whether the connection may still be translated at this hook. */
  run(hook: Hook, packet: Packet, nat: boolean): HookEnd {
    let rewritten: RuleRef | null = null;
    for (const { table, chain } of this.index.at(hook, packet.family)) {
      const isNat = chain.base?.type === 'nat';
      if (isNat && (!nat || packet.untracked || rewritten)) continue;
      const before = this.met.length;
      const changed = { dnat: packet.dnat, snat: packet.snat };
      const end = this.runChain(table, chain, packet, 0);
      if (isNat && (packet.dnat !== changed.dnat || packet.snat !== changed.snat)) {
        rewritten = this.met.slice(before).at(-1) ?? null;
      }
      if (end.end === 'drop' || end.end === 'reject') {
        return { verdict: end.end, by: end.by, nat: rewritten };
      }
      if ((end.end === 'fall-through' || end.end === 'return') && chain.policy === 'drop') {
        return { verdict: 'drop', by: { table, chain, rule: null }, nat: rewritten };
      }
    }
    return { verdict: 'accept', by: null, nat: rewritten };
  }

  private runChain(table: Table, chain: Chain, packet: Packet, depth: number): End {
    for (const rule of chain.rules) {
      const ref = { table, chain, rule };
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
    const doubts: Doubt[] = [];
    let known = false;
    const settle = (): boolean => {
      if (known) return true;
      known = true;
      if (!doubts.every((doubt) => this.decide(doubt, ref))) return false;
      this.met.push(ref);
      return true;
    };
    // A doubt matters only when nothing else rules the rule out, and when the rule does anything.
    const all = rule.steps.map((step) =>
      step.kind === 'match' ? testMatch(step.match, packet, this.world) : true,
    );
    if (all.includes(false)) {
      if (this.isExcepted(rule, ref, all)) this.spared.push(ref);
      return null;
    }
    for (const answer of all) if (typeof answer !== 'boolean') doubts.push(answer);
    for (const step of rule.steps) {
      switch (step.kind) {
        case 'match':
        case 'note':
          break;
        case 'verdict':
          return settle() ? step.verdict : null;
        case 'map': {
          const hit = step.entries.find(({ matches }) =>
            matches.every((match) => {
              const answer = testMatch(match, packet, this.world);
              return typeof answer === 'boolean' ? answer : this.decide(answer, ref);
            }),
          );
          if (hit) return settle() ? hit.verdict : null;
          return null;
        }
        case 'set-mark':
          if (!settle()) return null;
          packet.mark = ((packet.mark & ~step.mask) ^ step.value) >>> 0;
          break;
        case 'save-mark':
          if (!settle()) return null;
          packet.connectionMark = packet.mark;
          break;
        case 'restore-mark':
          if (!settle()) return null;
          packet.mark = packet.connectionMark;
          break;
        case 'notrack':
          if (!settle()) return null;
          packet.untracked = true;
          break;
      }
    }
    return null;
  }

  private isExcepted(rule: Rule, ref: RuleRef, answers: readonly unknown[]): boolean {
    if (ref.table.name !== 'nat' && ref.chain.base?.type !== 'nat') {
      if (!rule.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'dnat')) {
        return false;
      }
    }
    return rule.steps.every(
      (step, i) => answers[i] !== false || (step.kind === 'match' && step.match.not),
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
        if (verdict.address !== null) packet.destination = exactAddress(verdict.address);
        if (verdict.port !== null) packet.destinationPort = verdict.port;
        packet.dnat = true;
        break;
      case 'redirect': {
        packet.destination = this.ownAddress(packet, packet.inDevice);
        if (verdict.port !== null) packet.destinationPort = verdict.port;
        packet.dnat = true;
        break;
      }
      case 'snat':
        if (verdict.address !== null) packet.source = exactAddress(verdict.address);
        packet.snat = true;
        break;
      case 'masquerade':
        packet.source = this.ownAddress(packet, packet.outDevice);
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
