/** Whether the answer gets back: rules that let a request through may stop what is said to it. */
import type { Hook } from '../../model/rules.js';
import type { Journey } from './ends.js';
import type { Packet } from './packet.js';
import type { Walk } from './walk.js';

/** A hook that the answer passes, between two devices. */
export interface HopBack {
  readonly hook: Hook;
  readonly in: Packet['inDevice'];
  readonly out: Packet['outDevice'];
}

/** From behind the host to whoever is on the other side of it. */
export function backThrough({ inDevice, outDevice }: Packet): HopBack[] {
  return [
    { hook: 'prerouting', in: outDevice, out: null },
    { hook: 'forward', in: outDevice, out: inDevice },
    { hook: 'postrouting', in: null, out: inDevice },
  ];
}

/** From behind the host to a process of it. */
export function backToHost({ outDevice }: Packet): HopBack[] {
  return [
    { hook: 'prerouting', in: outDevice, out: null },
    { hook: 'input', in: outDevice, out: null },
  ];
}

/** From a process of the host to one elsewhere, or over lo to another one. */
export function backFromHost({ inDevice }: Packet): HopBack[] {
  const away: HopBack[] = [
    { hook: 'output', in: null, out: inDevice },
    { hook: 'postrouting', in: null, out: inDevice },
  ];
  if (inDevice !== 'lo') return away;
  return [
    ...away,
    { hook: 'prerouting', in: 'lo', out: null },
    { hook: 'input', in: 'lo', out: null },
  ];
}

/**
 * Takes the answer to a packet that has arrived back through the rules.
 * @returns the end as it was, or that the answer is lost.
 */
export function goBack(
  walk: Walk,
  packet: Packet,
  end: Journey,
  hops: readonly HopBack[],
): Journey {
  if (!isAnswered(packet, end) || packet.untracked) return end;
  for (const { hook, in: inDevice, out: outDevice } of hops) {
    const answer: Packet = {
      ...packet,
      ...{ source: packet.destination, inDevice, outDevice, mark: 0 },
      // The address that a rule had given the client is taken back in PREROUTING.
      destination: hook === 'prerouting' ? packet.source : packet.client,
      answers: { port: packet.destinationPort, reset: end.end === 'refused' },
    };
    const { verdict, by } = walk.run(hook, answer, false);
    if (verdict === 'accept') continue;
    const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook.toUpperCase();
    const what = by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
    const act = `${what} ${verdict === 'reject' ? 'rejects' : 'drops'} its answer`;
    return {
      ...{ ...end, end: 'dropped', way: end.way, deciding: by },
      ...{ why: `${end.why}, but ${act} in ${hook.toUpperCase()}`, obstacles: [act] },
    };
  }
  return end;
}

/** Whether anything comes back at all that no rule of this host has made: a refusal of UDP is ICMP's. */
function isAnswered({ protocol }: Packet, { end, deciding }: Journey): boolean {
  if (end === 'answered') return true;
  const rejects = deciding?.rule?.steps.some(
    (step) => step.kind === 'verdict' && step.verdict.do === 'reject',
  );
  return end === 'refused' && protocol === 'tcp' && rejects !== true;
}
