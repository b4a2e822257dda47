/** Applies NAT to a packet: by the rule that it meets, or as for the connection's first packet. */
import type { Hook, RuleVerdict } from '../../model/rules.js';
import { addressText, exactAddress, type TrialPacket } from './packet.js';
import { chooseSource, familyOf, type World } from './world.js';

/** The priorities at which destinations and sources are translated. */
const TRANSLATION = { destination: -100, source: 100 } as const;

/** How the NAT of a known connection rewrites a packet: first its destination, then its source. */
export interface Meant {
  readonly destination?: Partial<TrialPacket>;
  readonly source?: Partial<TrialPacket>;
}

/** In a table for both families, a NAT rule skips packets of the other family. */
export function fitsFamily(verdict: RuleVerdict, packet: TrialPacket): boolean {
  const address = 'address' in verdict ? verdict.address : null;
  return address === null || familyOf(address) === packet.family;
}

export function translate(
  verdict: Extract<RuleVerdict, { do: 'dnat' | 'snat' | 'masquerade' | 'redirect' }>,
  packet: TrialPacket,
  world: World,
): void {
  switch (verdict.do) {
    case 'dnat':
    case 'redirect': {
      const before = { ...packet };
      if (verdict.do === 'redirect') {
        packet.destination = ownAddress(world, packet, packet.inDevice);
      } else if (verdict.address !== null) packet.destination = exactAddress(verdict.address);
      if (verdict.port !== null) packet.destinationPort = verdict.port;
      // For conntrack, an unchanged tuple is no translation.
      if (!hasSameEnds(before, packet)) packet.dnat = true;
      break;
    }
    case 'snat': {
      const before = { ...packet };
      if (verdict.address !== null) packet.source = exactAddress(verdict.address);
      if (!hasSameEnds(before, packet) || verdict.port !== null) packet.snat = true;
      if (verdict.ports === true && packet.clientPorts !== null) packet.clientPorts = ANY_PORT;
      break;
    }
    case 'masquerade': {
      const before = { ...packet };
      // Masquerade takes no address of host scope, and lo has no other.
      packet.source =
        packet.outDevice === 'lo' ? { kind: 'own' } : ownAddress(world, packet, packet.outDevice);
      if (before.source.kind !== 'exact' || !hasSameEnds(before, packet)) packet.snat = true;
      if (verdict.ports === true && packet.clientPorts !== null) packet.clientPorts = ANY_PORT;
      break;
    }
  }
}

/** The source ports that are possible if the rule sets a port or chooses it at random. */
const ANY_PORT = { low: 1, high: 65535 } as const;

function ownAddress(
  world: World,
  packet: TrialPacket,
  device: TrialPacket['inDevice'],
): TrialPacket['source'] {
  const loopback = packet.family === 4 ? '127.0.0.1' : '::1';
  if (device === null) return exactAddress(loopback);
  const found = world.devices.find(({ name }) => name === device);
  const target = packet.destination.kind === 'exact' ? packet.destination.text : loopback;
  const source = found ? chooseSource(found, target) : null;
  return source === null ? { kind: 'own' } : exactAddress(source);
}

/** The kernel calls all NAT chains of a hook from one place, at this priority. */
export function rankNat(hook: Hook): number {
  return hook === 'prerouting' || hook === 'output' ? TRANSLATION.destination : TRANSLATION.source;
}

/** Gives a packet that conntrack knows the addresses of the connection's NAT, each in its hook and at its priority. */
export function translateBack(
  hook: Hook,
  packet: TrialPacket,
  meant: Meant | null,
  priority: number,
): void {
  if (!meant || (packet.tracking !== 'established' && packet.tracking !== 'related')) return;
  if (priority <= rankNat(hook)) return;
  if (hook === 'prerouting' || hook === 'output') Object.assign(packet, meant.destination);
  if (hook === 'postrouting' || hook === 'input') Object.assign(packet, meant.source);
}

export function isTranslated(before: TrialPacket, after: TrialPacket): boolean {
  return before.dnat !== after.dnat || before.snat !== after.snat;
}

export function hasSameEnds(a: TrialPacket, b: TrialPacket): boolean {
  return hasSameAddresses(a, b) && a.destinationPort === b.destinationPort;
}

export function hasSameAddresses(a: TrialPacket, b: TrialPacket): boolean {
  const addresses = ({ source, destination }: TrialPacket): string =>
    [source, destination].map((end) => addressText(end) ?? end.kind).join();
  return addresses(a) === addresses(b);
}
