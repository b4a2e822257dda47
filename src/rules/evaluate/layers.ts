/** Rules below those of IP: of devices (ingress, egress) and of bridges, which see their ports. */
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
  /** Takes the packet through one base chain; null where that lets it through. */
  readonly ask: (base: BaseRef, packet: TrialPacket) => HookStop | null;
}

export class Layers {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** From one port of a bridge to another, by the rules of bridges and devices alone. */
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

  /** Ingress of the device, and what a bridge asks before it hands a frame up. */
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

  /** Whether there are rules of bridges, and it comes in by one. */
  isAtBridge({ inDevice }: TrialPacket): boolean {
    return this.#tools.index.hasLayers && inDevice !== null && this.#isBridge(inDevice);
  }

  /**
   * Where bridged frames meet the rules of IP, those come before most of the bridge's own: what DNAT rewrites may pass the
   * bridge instead of being handed up, under its new address.
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

  /** Rules of bridges, or of devices; null for a packet that they let through. */
  #runLayer(layer: 'device' | 'bridge', hook: Hook, packet: TrialPacket): HookEnd | null {
    for (const { table, chain } of this.#tools.index.below(layer, hook)) {
      const devices = chain.base?.devices ?? [];
      if (layer === 'device' && !this.#isFor(devices, hook, { table, chain, rule: null }, packet)) {
        continue;
      }
      const seen = { ...packet };
      // With rules that ask for it, bridges track connections too.
      if (layer === 'bridge') track(seen);
      const stop = this.#tools.ask({ table, chain }, seen);
      packet.mark = seen.mark;
      if (stop) return { ...stop, nat: null };
    }
    return null;
  }

  #isFor(devices: readonly string[], hook: Hook, ref: RuleRef, packet: TrialPacket): boolean {
    if (devices.length === 0) {
      // The JSON of nft 1.0.6 does not name them.
      return this.#tools.decide(wonder({ code: 'chain-devices', chain: ref.chain.name }), ref);
    }
    const on = hook === 'ingress' ? 'in-device' : 'out-device';
    const answer = testMatch({ on, names: devices, not: false }, packet, this.#tools.world);
    return typeof answer === 'boolean' ? answer : this.#tools.decide(answer, ref);
  }
}
