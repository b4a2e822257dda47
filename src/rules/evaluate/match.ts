/** Tests whether a packet meets a condition: yes, no, or undecided with the reason. */
import { wonder, type Answer, type Undecided } from './doubt.js';
import { parseRange } from '../../model/range.js';
import { TCP_FLAGS, type Match, type PortRange } from '../../model/rules.js';
import { testAddress } from './match-address.js';
import { testBits } from './match-bits.js';
import { testKind } from './match-kind.js';
import {
  addressText,
  beginsAnew,
  isAnswer,
  PORT,
  UNNAMED,
  type TrialPacket,
  type PacketAddress,
} from './packet.js';
import { hasConnection } from './tracking.js';
import { findWorldRoute, isOwnAddress, stripPrefix, type World } from './world.js';

export function testMatch(match: Match, packet: TrialPacket, world: World): Answer {
  // If the packet has no connection, no condition about the connection holds, not even a negated one.
  if (asksConnection(match) && !hasConnection(packet)) return false;
  const answer = test(match, packet, world);
  // Kinds are compared with what is negated.
  const judged = match.on === 'in-kind' || match.on === 'out-kind';
  return typeof answer === 'boolean' && !judged ? answer !== match.not : answer;
}

function test(match: Match, packet: TrialPacket, world: World): Answer {
  switch (match.on) {
    case 'in-device':
      return testDevice(match.names, packet.inDevice, world);
    case 'in-kind':
    case 'out-kind':
      return testKind(match, packet, world);
    case 'out-device':
      // An answer leaves by the device that the client came by, which is an outer one.
      return testDevice(match.names, packet.outDevice, world, !isAnswer(packet));
    case 'source':
      return testAddress(match, packet.source, packet.family, world);
    case 'destination':
      return testAddress(match, packet.destination, packet.family, world);
    case 'source-port':
    case 'destination-port': {
      if (packet.icmp) return false;
      // An answer swaps source and destination port.
      const own = (match.on === 'destination-port') !== isAnswer(packet);
      if (!own) return testClientPort(match.ranges, packet);
      return holdsPort(match.ranges, packet.destinationPort);
    }
    case 'either-port':
      if (packet.icmp) return false;
      return (
        holdsPort(match.ranges, packet.destinationPort) || testClientPort(match.ranges, packet)
      );
    case 'original-destination':
      return testAddress(match, originOf(packet).destination, packet.family, world);
    case 'original-source':
      return testAddress(match, originOf(packet).source, packet.family, world);
    case 'original-port':
      return holdsPort(match.ranges, packet.dialled.port);
    case 'reply-source':
      return testAddress(match, expect(packet).source, packet.family, world);
    case 'reply-destination':
      return testAddress(match, expect(packet).destination, packet.family, world);
    case 'reply-source-port':
      return holdsPort(match.ranges, expect(packet).port);
    case 'original-source-port':
    case 'reply-port':
      return testClientPort(match.ranges, packet);
    case 'protocol': {
      const { icmp, family, protocol } = packet;
      const own =
        !icmp || match.connection === true ? protocol : family === 6 ? 'ipv6-icmp' : 'icmp';
      return match.names.some((name) => name === 'all' || name === own);
    }
    case 'family':
      return match.names.includes(packet.family === 4 ? 'ip' : 'ip6');
    case 'mark':
      return testMark(packet.mark, match);
    case 'connection-mark':
      return testMark(packet.connectionMark, match);
    case 'state':
      return match.names.some((name) => testState(name, packet));
    case 'source-type':
    case 'destination-type': {
      const address = match.on === 'source-type' ? packet.source : packet.destination;
      if (match.here !== true) return testType(match.names, address, world);
      return testTypeHere(match.names, address, packet.inDevice, world);
    }
    case 'tcp-flags':
      return packet.protocol === 'tcp' && !packet.icmp && testFlags(match, packet);
    case 'reverse-path':
      return testReversePath(match.text, packet, world);
    case 'fact':
      return packet.discovery === null
        ? match.holds
        : (match.discovers?.includes(packet.discovery) ?? match.holds);
    case 'bits':
      return testBits(match, packet);
    case 'direction':
      return match.reply === (isAnswer(packet) && !beginsAnew(packet));
    case 'helper':
      return packet.helped ? wonder({ code: 'helper', name: match.name }) : false;
    case 'one-of':
      return testEntries(match.entries, packet, world);
    case 'chance':
      return { about: { code: 'as-written', text: match.text }, chance: true };
    case 'set':
      return testSet(match, packet, world);
    case 'unknown':
      return wonder({ code: 'as-written', text: match.text });
  }
}

function holdsPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ low, high }) => port >= low && port <= high);
}

function testMark(mark: number | null, match: { value: number; mask: number }): Answer {
  if (mark === null) return wonder({ code: 'computed-mark' });
  return (mark & match.mask) >>> 0 === match.value >>> 0;
}

/** Tests the reverse path. A client of unknown address is taken to come in by the device that leads back to it. */
function testReversePath(text: string, packet: TrialPacket, world: World): Answer {
  const source = addressText(packet.source);
  if (source === null || packet.inDevice === UNNAMED || packet.inDevice === 'lo') return true;
  const back = findWorldRoute(world, source);
  return back === null ? wonder({ code: 'as-written', text }) : back.device === packet.inDevice;
}

/** True if all conditions of one entry hold; undecided if an entry might hold. */
function testEntries(
  entries: readonly (readonly Match[])[],
  packet: TrialPacket,
  world: World,
): Answer {
  let doubt: Undecided | null = null;
  for (const entry of entries) {
    const answers = entry.map((match) => testMatch(match, packet, world));
    if (answers.includes(false)) continue;
    const open = answers.find((answer) => typeof answer !== 'boolean');
    if (open === undefined) return true;
    if (typeof open !== 'boolean') doubt ??= open;
  }
  return doubt ?? false;
}

/** Tests a device name. A packet that leaves by a device of unknown name may leave by an engine's bridge. */
function testDevice(
  names: readonly string[],
  device: TrialPacket['inDevice'],
  world: World,
  leaves = false,
): Answer {
  if (device === PORT) return testPort(names, world);
  if (device !== UNNAMED) return names.some((name) => fitsDevice(name, device ?? ''));
  const known = world.devices
    .filter(({ kind, networks }) => kind !== 'outside' && !(leaves && networks.length === 0))
    .map(({ name }) => name);
  const others = names.filter(
    (name) =>
      !(leaves ? name === 'lo' : INNER_DEVICE.test(name)) &&
      !known.some((one) => fitsDevice(name, one)),
  );
  if (names.includes('+') || names.includes('*')) return true;
  return others.length === 0
    ? false
    : wonder({ code: 'device', which: leaves ? 'leaving' : 'outer', names: others });
}

/** Rules of bridges see the port, never the bridge itself. */
function testPort(names: readonly string[], world: World): Answer {
  const bridges = world.devices.filter(({ kind }) => kind !== 'port').map(({ name }) => name);
  const ports = names.filter((name) => !bridges.some((bridge) => bridge === name));
  if (ports.length === 0) return false;
  return wonder({ code: 'device', which: 'port', names: ports });
}

/** Loopback, and the names that engines give to their bridges and veths: no packet from outside comes in by these. */
const INNER_DEVICE =
  /^(lo$|docker|br-[0-9a-f]{12}$|veth|podman\d|cni|virbr|lxcbr|lxdbr|cali|flannel)/;

function fitsDevice(pattern: string, device: string): boolean {
  return /[+*]$/.test(pattern) ? device.startsWith(pattern.slice(0, -1)) : pattern === device;
}

/** The ports from which Linux chooses those of clients. */
const EPHEMERAL: PortRange = { low: 32768, high: 60999 };

/** Whether Linux may give one of these ports to a client. */
export function isClientPort({ low, high }: PortRange): boolean {
  return low <= EPHEMERAL.high && high >= EPHEMERAL.low;
}

function testClientPort(ranges: readonly PortRange[], packet: TrialPacket): Answer {
  const { clientPorts: own } = packet;
  if (own) {
    if (ranges.some(({ low, high }) => low <= own.low && high >= own.high)) return true;
    if (!ranges.some(({ low, high }) => low <= own.high && high >= own.low)) return false;
    return wonder({ code: 'client-port' });
  }
  if (ranges.some(({ low, high }) => low <= EPHEMERAL.low && high >= EPHEMERAL.high)) return true;
  // Rules for service ports are not meant for client ports.
  if (isAnswer(packet) ? !ranges.some(isClientPort) : ranges.every(({ high }) => high < 1024))
    return false;
  return wonder({ code: 'client-port' });
}

function asksConnection({ on, ...match }: Match): boolean {
  switch (on) {
    case 'direction':
    case 'helper':
    case 'connection-mark':
    case 'original-source':
    case 'original-destination':
    case 'original-source-port':
    case 'original-port':
    case 'reply-source':
    case 'reply-destination':
    case 'reply-source-port':
    case 'reply-port':
      return true;
    case 'protocol':
      return 'connection' in match && match.connection === true;
    case 'bits':
      return 'field' in match && ASKED_OF_CONNECTION.has(match.field);
    default:
      return false;
  }
}

const ASKED_OF_CONNECTION: ReadonlySet<string> = new Set(['status', 'connection-mark', 'zone']);

/** The addresses of the packet that began the connection. */
function originOf(packet: TrialPacket): Pick<TrialPacket, 'source' | 'destination'> {
  if (beginsAnew(packet)) return packet;
  return { source: packet.client, destination: packet.dialled.address };
}

/**
 * The addresses and port of an answer to the packet. For a connection's first packet: as rules have rewritten it so
 * far.
 */
function expect(packet: TrialPacket): NonNullable<TrialPacket['expected']> {
  const { destination, destinationPort, source } = packet;
  const known = beginsAnew(packet) ? null : packet.expected;
  return known ?? { source: destination, port: destinationPort, destination: source };
}

/**
 * Tests a state of iptables or nft, and DNAT and SNAT, which iptables calls states. The packet may have no connection.
 */
function testState(name: string, packet: TrialPacket): boolean {
  switch (name) {
    case 'invalid':
      return packet.tracking === 'none' || packet.tracking === 'invalid';
    case 'new':
    case 'established':
    case 'related':
    case 'untracked':
      return packet.tracking === name;
    case 'seen-reply':
    case 'confirmed':
      return hasConnection(packet) && packet.turn !== 'first' && !beginsAnew(packet);
    case 'dnat':
      return hasConnection(packet) && packet.dnat;
    case 'snat':
      return hasConnection(packet) && packet.snat;
    default:
      return false;
  }
}

function testType(names: readonly string[], address: PacketAddress, world: World): boolean {
  const local =
    address.kind === 'exact' ? isOwnAddress(world, address.text) : address.kind === 'own';
  return names.some((name) => (name === 'local' ? local : name === 'unicast' && !local));
}

/** Tests the address type on the incoming device: an address of this host is local only on the device that has it. */
function testTypeHere(
  names: readonly string[],
  address: PacketAddress,
  device: TrialPacket['inDevice'],
  world: World,
): Answer {
  if (address.kind !== 'exact' || typeof device !== 'string') {
    return wonder({ code: 'address-type', names });
  }
  const own = world.devices.find(({ name }) => name === device);
  const local = own?.networks.some((network) => stripPrefix(network) === address.text) ?? false;
  return names.some((name) => (name === 'local' ? local : name === 'unicast' && !local));
}

function testFlags(
  { among, set }: Extract<Match, { on: 'tcp-flags' }>,
  { flags }: TrialPacket,
): Answer {
  const bits = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum | (TCP_FLAGS[name as keyof typeof TCP_FLAGS] ?? 0), 0);
  return (flags & bits(among)) === bits(set);
}

/** Docker 28.0 keeps the networks of its bridges in these sets; other sets are not read. */
function testSet(
  { name, side, text }: Extract<Match, { on: 'set' }>,
  packet: TrialPacket,
  world: World,
): Answer {
  const address = side === 'source' ? packet.source : packet.destination;
  if (!/^docker-ext-bridges-v[46]$/.test(name) || side === 'other')
    return wonder({ code: 'as-written', text });
  const ranges = world.devices
    .filter(({ kind }) => kind === 'bridge')
    .flatMap(({ networks }) => networks.flatMap((network) => parseRange(network) ?? []));
  return testAddress({ ranges }, address, packet.family, world);
}
