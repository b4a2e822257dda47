/**
 * The NAT hooks in a report: each rewriting is in order between the devices, with the right hook, and none where there
 * is no NAT.
 */
import type { Connection, Hop, Report } from '../../src/model/report.js';

export interface HookCheck {
  readonly checked: number;
  readonly right: number;
  readonly faults: readonly string[];
}

/** Places of the host that the SYN of a request and its answer pass, in order, by the hook of its DNAT. */
const ORDER = {
  PREROUTING: {
    request: 'ext0, NAT in PREROUTING, docker0, veth',
    reply: 'veth, docker0, NAT in POSTROUTING, ext0',
  },
  OUTPUT: {
    request: 'NAT in OUTPUT, docker0, veth',
    reply: 'veth, docker0, NAT in INPUT',
  },
} as const;

/** Looks at every answered connection: DNAT must show both rewritings where they belong, anything else none. */
export function checkHooks({ connections }: Report): HookCheck {
  const answered = connections.filter(({ outcome }) => outcome === 'answered');
  const faults = answered.flatMap((one) => checkConnection(one));
  const wrong = new Set(faults.map(({ id }) => id)).size;
  return {
    checked: answered.length,
    right: answered.length - wrong,
    faults: faults.map(({ sentence }) => sentence),
  };
}

function checkConnection(one: Connection): { id: number; sentence: string }[] {
  const hook = one.nat?.hook ?? null;
  const fault = (sentence: string): { id: number; sentence: string } => ({
    id: one.id,
    sentence: `${one.client.address} to ${one.server?.address}: ${sentence}`,
  });
  if (hook === null) {
    const stray = one.hops.filter(({ kind }) => kind === 'nat');
    return stray.length === 0 ? [] : [fault(`a NAT hook without NAT: ${stray[0]?.summary}`)];
  }
  return (['request', 'reply'] as const).flatMap((flow) => {
    const passed = one.hops.filter((hop) => hop.flow === flow && isOpening(hop)).map(nameOf);
    // A bridge that has not learnt an address yet floods the packet to every port.
    const seen = passed.filter((name, at) => name !== 'veth' || passed[at - 1] !== name).join(', ');
    const right = ORDER[hook][flow];
    return seen === right ? [] : [fault(`the ${flow} passed ${seen}, not ${right}`)];
  });
}

/** A SYN or its answer at a device or hook of the host. */
function isOpening({ kind, namespace, flags }: Hop): boolean {
  return (kind === 'packet' || kind === 'nat') && namespace === 'host' && flags.includes('SYN');
}

function nameOf({ kind, rewrite, interface: name }: Hop): string {
  if (kind === 'nat') return `NAT in ${rewrite?.hook}`;
  return name.startsWith('veth') ? 'veth' : name;
}
