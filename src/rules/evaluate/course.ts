/** The hooks that the packets of a connection pass, there and back, and what each of them is written as. */
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
  /** Of a frame between two ports of a bridge. */
  readonly bridged?: boolean;
  /** The host looks up the route of a frame only where NAT has given it another destination. */
  readonly turns?: boolean;
}

/** The hooks of a connection, there and back. */
export interface HookCourse {
  readonly there: readonly HookPassage[];
  readonly back: readonly HookPassage[];
}

/** Of a packet that has arrived, and the device that its answer comes in on. */
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
/** What comes over lo brings its route along. */
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

/** @param asked the device of the route to what was dialled: the socket keeps it, and OUTPUT sees it each time. */
export function fromHost(
  { outDevice }: TrialPacket,
  asked: Device,
  returns = outDevice,
): HookCourse {
  return { there: away(outDevice, asked), back: home(returns) };
}

/** Over lo both ways are the same. */
export function toHost({ inDevice }: TrialPacket): HookCourse {
  const loop = [...away('lo'), ...home('lo')];
  if (inDevice === 'lo') return { there: loop, back: loop };
  return { there: home(inDevice), back: away(inDevice) };
}

/** Frames between two ports of a bridge meet rules, and no routes. */
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

/** A frame that NAT has sent back over its bridge: a route is looked up where the destination changes. */
export function turnedBack({ inDevice, outDevice }: TrialPacket): HookCourse {
  const turning = (from: Device, to: Device): HookPassage[] =>
    through(from, to).map((hop) => ({ ...hop, bridged: true, turns: true }));
  return { there: turning(inDevice, outDevice), back: turning(outDevice, inDevice) };
}

/** What the client sends: written to what it dialled, meant for who answers. */
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

/** What the server sends: written to whom it saw, meant for the client, from what the client dialled. */
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
