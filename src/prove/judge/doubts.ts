/** What keeps a process of the host from being proven to answer by itself, or to relay; each reads on after "because". */
import { addsNothing } from '../../correlate/accounts.js';
import type { Exchanges } from '../../correlate/exchanges.js';
import { isPortDriver } from '../../model/port-drivers.js';
import type { RelayLink } from '../../correlate/relays.js';
import type { Way } from '../../correlate/ways.js';
import { formatEndpoint } from '../../model/address.js';
import type { Observed } from '../observed.js';
import { findOutcome } from '../outcome/outcome.js';

/** Of docker-proxy, known by its arguments, nothing needs to be seen but its accept. */
export function listRelayDoubts(subject: Observed): string[] {
  const { link, links, shared, hostAccept, identified } = subject;
  if (shared !== null) {
    return identified ? [] : ['which of its bytes are this client’s was not followed'];
  }
  if (link === null) {
    if (identified) return isPortCheck(subject) ? ['what it dialled for it is not known'] : [];
    return hostAccept && isPortDriver(hostAccept)
      ? ['where it handed the bytes on is not followed']
      : ['that it hands bytes on is known by its name only'];
  }
  const doubts = links.flatMap((one, index) =>
    index === 0 && identified ? [] : (doubtLink(one, subject, index) ?? []),
  );
  return [...new Set(doubts)];
}

/** A relay shakes hands by itself: where nothing was asked, only its own leg shows whether the container was there. */
function isPortCheck(subject: Observed): boolean {
  return subject.bytes.fromClient === 0 && findOutcome(subject) === 'unanswered';
}

function doubtLink(
  link: RelayLink,
  { bytes, topology, service }: Observed,
  index: number,
): string | null {
  const { how, flows, owned, pid } = link;
  const known = topology.relays.some((relay) => relay.pid === pid);
  if (index > 0 && known) return null;
  switch (how) {
    case 'only':
      return 'no bytes were seen to move between the two sockets';
    case 'tls':
      return 'each piece is as much longer on one side as TLS makes it, so that its bytes cannot be compared';
    case 'alike':
      return 'what it wrote is only as long as what it read, and begins and ends alike';
    case 'moved':
  }
  if (!owned) return 'it accepted or dialled one of the two before the trace began';
  if (flows === null) return 'its calls were not watched';
  const { there, back } = flows;
  if (bytes.fromClient > 0 && !there.followed) {
    return 'none of the client’s bytes were seen to move into the other socket';
  }
  if (bytes.fromServer > 0 && !back.followed) {
    return 'none of its answer was seen to come from the other socket';
  }
  if (there.taken === null || there.given === null || back.taken === null || back.given === null) {
    return 'not all of its calls were told';
  }
  if (!addsNothing(there) || !addsNothing(back)) {
    return `it also wrote bytes of its own${tellExchanges(service?.exchanges ?? null)}`;
  }
  return index === 0 && back.given < bytes.fromServer
    ? `only ${back.given} B of its answer of ${bytes.fromServer} B were seen to be written by it`
    : null;
}

export function listHostDoubts({ service, witnesses, bytes }: Observed): string[] {
  const doubts = service?.ways.map((way) => tellWay(way)) ?? [];
  if (doubts.length > 0) {
    const told = tellExchanges(service?.exchanges ?? null);
    return [
      `${doubts.join(' and ')} meanwhile${told}, and whether for this connection was not seen`,
    ];
  }
  if (!witnesses.has('copies') || !witnesses.has('asides')) {
    return ['what it wrote elsewhere meanwhile was not watched'];
  }
  const written = service?.written ?? null;
  return [
    written === null
      ? 'not all of its calls were told'
      : `only ${written} B of its answer of ${bytes.fromServer} B were seen to be written by it`,
  ];
}

/** Which of several requests were answered with another connection's help. */
function tellExchanges(exchanges: Exchanges | null): string {
  if (exchanges === null || exchanges.all < 2 || exchanges.elsewhere === exchanges.all) return '';
  return ` (for ${exchanges.elsewhere} of its ${exchanges.all} requests)`;
}

/** A clause about the process, which is "it". */
function tellWay({ what, event, to }: Way): string {
  const end = to === null ? '' : ` ${formatEndpoint(to)}`;
  const reads = event.kind !== 'state' && event.operation === 'read';
  const did = reads ? 'it also read from' : 'it also wrote to';
  switch (what) {
    case 'dial':
      return `it also dialled${end}`;
    case 'call':
      return `${did} a connection to${end}`;
    case 'socket':
      return `${did} a connection to${end} that is not traced`;
    case 'pipe':
      return `${did} a pipe`;
    case 'device':
      return `${did} a device`;
    case 'unix':
      return `${did} a unix socket`;
    case 'family':
      return `${did} a socket of another kind`;
    case 'queue':
      return 'it also sent a message through a queue of the kernel';
    case 'splice':
    case 'tee':
    case 'vmsplice':
      return `it also moved bytes by ${what}`;
    case 'io_uring':
    case 'aio':
    case 'sendmmsg':
    case 'recvmmsg':
    case 'pwritev2':
      return `it also used ${what}, whose bytes are not followed,`;
  }
}
