/** Runs the rules below IP: those of devices (ingress, egress) and those of bridges, which see bridge ports. */
import type { Hook } from '../../model/rules.js';
import { wonder } from './doubt.js';
import { testMatch } from './match.js';
import { PORT, type TrialPacket } from './packet.js';
import type { BaseRef, RuleIndex, RuleRef } from './rule-index.js';
import { track } from './tracking.js';
import type { Decide, HookEnd, HookStop } from './hook-end.js';
import { hasSameEnds } from './translate.js';
import type { World } from './world.js';

interface Tools {
  readonly world: World;
  readonly index: RuleIndex;
  readonly decide: Decide;
  /** Takes the packet through one base chain; null if the chain lets it through. */
  readonly ask: (base: BaseRef, packet: TrialPacket) => HookStop | null;
}

export class Layers {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** Takes a packet from one port of a bridge to another by the rules of bridges and devices alone. */
  cross(packet: TrialPacket): HookEnd | null {
    const { inDevice, outDevice } = packet;
    for (const hook of ['ingress', 'prerouting', 'forward', 'postrouting', 'egress'] as const) {
      packet.inDevice = PORT;
      packet.outDevice = hook === 'ingress' || hook === 'prerouting' ? null : PORT;
      const own = hook === 'ingress' || hook === 'egress' ? 'device' : 'bridge';
      const stop = this.#runLayer(own, hook, packet);
      if (stop) return stop;
    }
    Object.assign(packet, { inDevice, outDevice });
    return null;
  }

  /** Runs the device's ingress rules, and the rules that a bridge applies before it hands a frame up. */
  enter(packet: TrialPacket): HookEnd | null {
    const { inDevice } = packet;
    if (inDevice === null || !this.#tools.index.hasLayers) return null;
    if (this.#isBridge(inDevice)) {
      packet.inDevice = PORT;
      const stop =
        this.#runLayer('device', 'ingress', packet) ??
        this.#runLayer('bridge', 'prerouting', packet) ??
        this.#runLayer('bridge', 'input', packet);
      packet.inDevice = inDevice;
      if (stop) return stop;
    }
    return this.#runLayer('device', 'ingress', packet);
  }

  leave(packet: TrialPacket): HookEnd | null {
    const { outDevice } = packet;
    if (outDevice === null || !this.#tools.index.hasLayers) return null;
    const stop = this.#runLayer('device', 'egress', packet);
    if (stop || !this.#isBridge(outDevice)) return stop;
    packet.outDevice = PORT;
    const end =
      this.#runLayer('bridge', 'output', packet) ??
      this.#runLayer('bridge', 'postrouting', packet) ??
      this.#runLayer('device', 'egress', packet);
    packet.outDevice = outDevice;
    return end;
  }

  /** Whether rules below IP exist and the packet comes in by a bridge. */
  isAtBridge({ inDevice }: TrialPacket): boolean {
    return this.#tools.index.hasLayers && inDevice !== null && this.#isBridge(inDevice);
  }

  /**
   * Where bridged frames meet the IP rules, those run before most of the bridge's own rules. A packet that DNAT
   * rewrites may then cross the bridge under its new address instead of being handed up.
   */
  settle(entered: HookEnd | null, end: HookEnd, before: TrialPacket, packet: TrialPacket): HookEnd {
    if (end.verdict !== 'accept' || hasSameEnds(before, packet)) return entered ?? end;
    if (!this.isAtBridge(packet)) return entered ?? end;
    const rewritten = this.enter({ ...packet });
    const crossing = this.cross({ ...packet });
    const stops = [entered, rewritten, crossing];
    const stop = stops.find((one) => one !== null) ?? null;
    if (!stop || stops.every((one) => one !== null)) return entered ?? end;
    return this.#tools.decide(wonder({ code: 'bridge-order' }), stop.by) ? stop : end;
  }

  #isBridge(device: TrialPacket['inDevice']): boolean {
    return this.#tools.world.devices.some(({ name, kind }) => name === device && kind === 'bridge');
  }

  /** Runs the rules of bridges or of devices; null if they let the packet through. */
  #runLayer(layer: 'device' | 'bridge', hook: Hook, packet: TrialPacket): HookEnd | null {
    for (const { table, chain } of this.#tools.index.below(layer, hook)) {
      const devices = chain.base?.devices ?? [];
      if (layer === 'device' && !this.#isFor(devices, hook, { table, chain, rule: null }, packet)) {
        continue;
      }
      const seen = { ...packet };
      // Bridges track connections too if a rule asks for it.
      if (layer === 'bridge') track(seen);
      const stop = this.#tools.ask({ table, chain }, seen);
      packet.mark = seen.mark;
      if (stop) return { ...stop, nat: null };
    }
    return null;
  }

  #isFor(devices: readonly string[], hook: Hook, ref: RuleRef, packet: TrialPacket): boolean {
    if (devices.length === 0) {
      // The JSON of nft 1.0.6 does not name the devices.
      return this.#tools.decide(wonder({ code: 'chain-devices', chain: ref.chain.name }), ref);
    }
    const on = hook === 'ingress' ? 'in-device' : 'out-device';
    const answer = testMatch({ on, names: devices, not: false }, packet, this.#tools.world);
    return typeof answer === 'boolean' ? answer : this.#tools.decide(answer, ref);
  }
}
