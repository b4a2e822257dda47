/** Puts claims into words, whether they hold or not. */
import { formatEndpoint } from '../model/address.js';
import type { Claim, ClaimFacts, Likeness, Ownership, SharedMarks } from '../model/claim.js';
import type { Evidence } from '../model/report.js';
import { writeProcess } from './processes.js';

/** The claim as a report gives it. */
export function writeEvidence(claim: Claim): Evidence {
  const { code, holds, events } = claim;
  return { code, claim: writeClaim(claim), holds, events: [...events] };
}

/** A clause. If the claim does not hold, the clause says what was expected. */
function writeClaim({ code, holds, facts }: Claim): string {
  switch (code) {
    case 'nat-rewritten':
      return writeRewritten(facts, holds);
    case 'same-packet':
      return writeSamePacket(facts, holds);
    case 'machine-between':
      return (
        'a machine stands between both sightings: requests passed it one way and answers the other, ' +
        'with a lower TTL behind it or in at one device and out at another, and it left the client as it was'
      );
    case 'host-accepted':
      return writeAccepted(facts);
    case 'host-alone':
      return `all that ${writeProcess(facts.process)} wrote until it had answered went to its client`;
    case 'relay-dialled':
      return writeDialled(facts);
    case 'relay-moved':
      return writeMoved(facts);
    case 'container-addressed': {
      const name = facts.owner === null ? '' : ` (${facts.owner})`;
      return `the client dialled the container's own address ${formatEndpoint(facts.server)}${name}`;
    }
    case 'nothing-listened':
      return `the host's kernel found no socket that listens on ${formatEndpoint(facts.server)}`;
    case 'stopped-at-host':
      return `a rule of the host threw away its first packet to ${formatEndpoint(facts.server)}, after NAT had left that as it was`;
    case 'entered-container':
      return writeEntered(facts);
    case 'handshakes-nested':
      return (
        `a second handshake, ${formatEndpoint(facts.from)} to ${formatEndpoint(facts.to)} ` +
        "with other sequence numbers, followed the client's"
      );
    case 'streams-equal':
      return writeStreams(facts);
    case 'only-pairing':
      return 'no other connection of the capture could be the other leg';
    case 'content-own':
      return OWNED[facts.own ?? 'content'];
    case 'never-rewritten':
      return writeCrossing(facts);
    case 'complete':
      return writeComplete(facts, holds);
    case 'rule-counted': {
      const { packets } = facts;
      const amount = packets === 0 ? 'packets' : `${packets} packet${packets === 1 ? '' : 's'}`;
      return `the deciding rule in ${facts.chain} counted ${amount} during the trace`;
    }
  }
}

function writeRewritten(
  { by, from, to, hook }: ClaimFacts['nat-rewritten'],
  holds: boolean | null,
): string {
  if (by === 'addresses') {
    return from && to
      ? `packets for ${formatEndpoint(from)} went on to ${formatEndpoint(to)}`
      : 'a packet was seen under two destinations';
  }
  if (holds === null) return 'no packet carried a conntrack entry on the host';
  if (!from || !to) return 'conntrack rewrote the destination';
  const where = hook === null ? '' : ` in ${hook}`;
  return `conntrack rewrote the destination ${formatEndpoint(from)} to ${formatEndpoint(to)}${where}`;
}

function writeSamePacket(facts: ClaimFacts['same-packet'], holds: boolean | null): string {
  switch (facts.by) {
    case 'socket': {
      const { process, from, to } = facts;
      return `the socket that ${writeClient(process)} dialled ${formatEndpoint(from)} with sent its packet to ${formatEndpoint(to)}`;
    }
    case 'skb': {
      if (holds !== true) return 'one packet was seen with both destinations';
      const number = facts.seq === null ? '' : `, sequence number ${facts.seq}`;
      return `one packet (same skb${number}) was seen with both destinations`;
    }
    case 'marks':
      return facts.marks
        ? writeMarks(facts.marks)
        : 'IP identification or TCP timestamp agree on both sides of the rewriting';
  }
}

function writeMarks({
  packets,
  protocol,
  seq,
  length,
  ipId,
  timestamp,
  ttls,
}: SharedMarks): string {
  const marks = [
    protocol === 'tcp' ? `sequence number ${seq}` : `${length} B`,
    ...(ipId ? [`IP identification ${ipId}`] : []),
    ...(timestamp === null ? [] : [`timestamp ${timestamp}`]),
    `TTL ${ttls[0]} and ${ttls[1]}`,
  ];
  const count = `${packets} packet${packets === 1 ? ' was' : 's were'}`;
  return `${count} seen on both sides of the rewriting; the first has the same ${marks.join(', ')}`;
}

function writeAccepted({ protocol, taken, before }: ClaimFacts['host-accepted']): string {
  const udp = protocol === 'udp';
  if (taken === null) {
    const did = udp ? 'received its datagrams' : 'accepted the connection';
    return `a process of the host ${did}${before ? ' (before the trace began)' : ''}`;
  }
  const { process, at, descriptor, answered } = taken;
  const did = udp
    ? `${answered ? 'answered' : 'received'} its datagrams`
    : 'accepted the connection';
  return `${writeProcess(process)} on the host ${did} at ${formatEndpoint(at)}, descriptor ${descriptor}`;
}

function writeDialled({ process, leg }: ClaimFacts['relay-dialled']): string {
  const name = writeClient(process);
  if (leg === null) return `${name} dialled the container for it`;
  const [from, to] = [leg.from, leg.to].map(formatEndpoint);
  if (leg.tap) return `${name} wrote frames for ${to} from ${from} into its tap device`;
  return leg.protocol === 'udp'
    ? `${name} sent them on to ${to} from ${from}`
    : `${name} dialled ${to} from ${from} for it`;
}

function writeMoved(facts: ClaimFacts['relay-moved']): string {
  switch (facts.how) {
    case 'shared':
      return `its bytes went over a connection to ${formatEndpoint(facts.to)} that several clients share`;
    case 'tap': {
      const [near, far] = facts.carried;
      return near.fromClient === far.fromClient && near.fromServer === far.fromServer
        ? `both legs carried ${near.fromClient} B and ${near.fromServer} B back`
        : `the legs carried ${[near, far].map((one) => `${one.fromClient} B and ${one.fromServer} B back`).join(', and ')}`;
    }
    case 'unfollowed':
      return 'bytes went from one of its sockets into the other';
    case 'moved':
    case 'alike': {
      const { toUpstream, toClient, carried } = facts;
      const legs = carried?.map(
        ({ fromClient, fromServer }) => `${fromClient} B and ${fromServer} B back`,
      );
      const told = `${toUpstream} B went from the client's socket into the container's and ${toClient} B back`;
      return legs
        ? `${told}; the legs carried ${legs.join(' and ')}`
        : `${told}, as many as each leg carried`;
    }
  }
}

function writeEntered({ to, at }: ClaimFacts['entered-container']): string {
  const packet = `a packet for ${formatEndpoint(to)} entered`;
  if (at === null) return `${packet} the container`;
  return at.namespace === null
    ? `${packet} an unknown namespace`
    : `${packet} ${at.namespace} at ${at.device ?? `device ${at.ifindex}`}`;
}

const LIKENESS: Readonly<Record<Likeness, string>> = {
  equal: 'all bytes equal',
  'same-start': 'the known bytes equal',
  'same-length': 'as many bytes, cut off by the capture',
  part: 'equal as far as both go',
  empty: 'no bytes',
  different: 'different',
};

function writeStreams({ protocol, request, reply, thin }: ClaimFacts['streams-equal']): string {
  const told = `both legs carried the same bytes: to the container ${LIKENESS[request]}, back ${LIKENESS[reply]}`;
  if (!thin) return told;
  return protocol === 'tcp'
    ? `${told}; bytes of them are missing from the capture`
    : `${told}; so few datagrams that another flow may have carried the same`;
}

const OWNED: Readonly<Record<Ownership, string>> = {
  content:
    'what both legs carried is their own: so much content, and nothing else in the capture carried it',
  course:
    'nothing else in the capture carried these bytes, and all of it passed in turn: the dial, the request, the answer, the end',
  service: 'every connection of this service has its pair, and there are eight of them at least',
};

function writeCrossing({ to, crossing, ttl }: ClaimFacts['never-rewritten']): string {
  const packets = `packets for ${formatEndpoint(to)}`;
  if (crossing === null) {
    return `${packets} kept their addresses from before the machine to behind it`;
  }
  const how =
    crossing === 'routed'
      ? `before and after routing (TTL ${ttl.first} and ${ttl.last})`
      : `as they came in and as they went out, unrouted (TTL ${ttl.first})`;
  return `${packets} were seen ${how}, with the same addresses, and their replies the other way`;
}

function writeComplete(
  { of, skippedRuns, begun, note }: ClaimFacts['complete'],
  holds: boolean | null,
): string {
  const text =
    of === 'capture'
      ? 'the capture was read to its end and reports no lost packet'
      : 'the probes were live throughout and no event was lost';
  if (note !== null && holds === false) return `${text} (${note})`;
  if (skippedRuns > 0) {
    return `the probes were live throughout; the kernel skipped ${skippedRuns} of their runs on packets`;
  }
  return begun ? text : `${text}, but the connection is older than the trace`;
}

function writeClient(process: ClaimFacts['relay-dialled']['process']): string {
  return process ? writeProcess(process) : 'the client';
}
