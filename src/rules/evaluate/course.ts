/** Lists the hooks that a connection's packets pass in each direction, and the addresses that those packets carry. */
import type { Hook } from '../../model/rules.js';
import type { TrialPacket } from './packet.js';
import type { Meant } from './translate.js';

type Device = TrialPacket['inDevice'];

/** A hook that a packet passes, between two devices. */
export interface HookPassage {
  readonly hook: Hook;
  readonly in: Device;
  readonly out: Device;
  /** The host looks up the route after this hook. */
  readonly routes?: 'enter' | 'leave';
  /** Whether a frame passes this hook between two ports of a bridge. */
  readonly bridged?: boolean;
  /** The host looks up a frame's route only if NAT has changed its destination. */
  readonly turns?: boolean;
}

/** The hooks of a connection, there and back. */
export interface HookCourse {
  readonly there: readonly HookPassage[];
  readonly back: readonly HookPassage[];
}

/** Makes the course of a packet that has arrived. `returns` is the device that its answer comes in on. */
export type MakeCourse = (packet: TrialPacket, returns?: Device) => HookCourse;

const through = (from: Device, to: Device): HookPassage[] => [
  { hook: 'prerouting', in: from, out: null, routes: 'enter' },
  { hook: 'forward', in: from, out: to },
  { hook: 'postrouting', in: null, out: to },
];
export const away = (to: Device, asked: Device = to): HookPassage[] => [
  {
    hook: 'output',
    in: null,
    out: asked,
    ...(to === 'lo' ? {} : { routes: 'leave' as const }),
  },
  { hook: 'postrouting', in: null, out: to },
];
/** A packet that comes in over lo already has its route. */
export const home = (from: Device): HookPassage[] => [
  {
    hook: 'prerouting',
    in: from,
    out: null,
    ...(from === 'lo' ? {} : { routes: 'enter' as const }),
  },
  { hook: 'input', in: from, out: null },
];

/** @param returns the device that the answer comes in on. */
export function forwarded({ inDevice, outDevice }: TrialPacket, returns = outDevice): HookCourse {
  return {
    there: through(inDevice, outDevice),
    back: through(returns, inDevice),
  };
}

/**
 * @param asked the device of the route to the dialled address: the socket keeps it, and OUTPUT sees it for every
 * packet.
 */
export function fromHost(
  { outDevice }: TrialPacket,
  asked: Device,
  returns = outDevice,
): HookCourse {
  return { there: away(outDevice, asked), back: home(returns) };
}

/** Over lo, both directions pass the same hooks. */
export function toHost({ inDevice }: TrialPacket): HookCourse {
  const loop = [...away('lo'), ...home('lo')];
  if (inDevice === 'lo') return { there: loop, back: loop };
  return { there: home(inDevice), back: away(inDevice) };
}

/** Frames between two ports of a bridge meet rules but no routes. */
export function bridged({ inDevice, outDevice }: TrialPacket): HookCourse {
  const plain = (from: Device, to: Device): HookPassage[] =>
    through(from, to).map(({ hook, in: own, out }) => ({
      hook,
      in: own,
      out,
      bridged: true,
    }));
  return {
    there: plain(inDevice, outDevice),
    back: plain(outDevice, inDevice),
  };
}

/** A frame that NAT sends back over its own bridge: the host looks up a route where the destination changes. */
export function turnedBack({ inDevice, outDevice }: TrialPacket): HookCourse {
  const turning = (from: Device, to: Device): HookPassage[] =>
    through(from, to).map((hop) => ({ ...hop, bridged: true, turns: true }));
  return { there: turning(inDevice, outDevice), back: turning(outDevice, inDevice) };
}

/** The client's packet as sent, to the dialled address, and what NAT makes of it: a packet to the one that answers. */
export function goThere({
  client,
  dialled,
  destination,
  destinationPort,
  source,
}: TrialPacket): [Partial<TrialPacket>, Meant] {
  return [
    {
      source: client,
      destination: dialled.address,
      destinationPort: dialled.port,
    },
    { destination: { destination, destinationPort }, source: { source } },
  ];
}

/**
 * The server's packet as sent, to the source it saw, and what NAT makes of it: a packet from the dialled address to the
 * client.
 */
export function comeBack({
  client,
  dialled,
  destination,
  source,
}: TrialPacket): [Partial<TrialPacket>, Meant] {
  return [
    { source: destination, destination: source },
    {
      destination: { destination: client },
      source: { source: dialled.address, destinationPort: dialled.port },
    },
  ];
}
