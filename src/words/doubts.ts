/** Puts doubts and gaps into words, as clauses that follow "because". */
import { formatEndpoint, type Endpoint } from '../model/address.js';
import type { LinkDoubt } from '../model/claim.js';
import type {
  Doubt,
  ExchangeCounts,
  ConnectionFacts,
  Gap,
  TunnelTaken,
  WayFacts,
} from '../model/judgement.js';
import { writeProcess } from './processes.js';
import { nameTunnel } from './tunnels.js';

/** What keeps a path from being proven. */
export function writeDoubt(doubt: Doubt): string {
  switch (doubt.code) {
    case 'events-lost':
    case 'not-whole':
      return writeLack(doubt);
    case 'runs-skipped':
      return `the kernel skipped ${doubt.count} runs of packet probes`;
    case 'adds-bytes':
      return `it also wrote bytes of its own${writeExchanges(doubt.exchanges)}`;
    case 'answer-in-part':
      return doubt.written === 0
        ? `none of its answer of ${doubt.of} B was seen to be written by it: it may have handed the socket to another process, and what that one did was not seen`
        : `only ${doubt.written} B of its answer of ${doubt.of} B were seen to be written by it`;
    case 'ways-elsewhere': {
      const ways = doubt.ways.map(writeWayOn).join(' and ');
      return `${ways} meanwhile${writeExchanges(doubt.exchanges)}, and whether for this connection was not seen`;
    }
    case 'socket-handed':
      return `${doubt.command} (pid ${doubt.pid}) also used its socket, and what that process did elsewhere was not watched`;
    case 'rewriting':
      return REWRITING[doubt.why];
    default:
      return PLAIN_DOUBTS[doubt.code];
  }
}

/** The codes of doubts and gaps that have no other field. */
type Plain<Coded extends { readonly code: string }> = Coded extends unknown
  ? keyof Coded extends 'code'
    ? Coded['code']
    : never
  : never;

const PLAIN_DOUBTS: Readonly<Record<Plain<Doubt>, string>> = {
  'older-than-trace': 'it is older than the trace, and how it ended does not show by itself',
  'dial-unseen': 'what it dialled for it is not known',
  'bytes-shared': 'which of its bytes are this client’s was not followed',
  'known-by-name': 'that it hands bytes on is known by its name only',
  'way-on-unfollowed': 'where it handed the bytes on is not followed',
  'nothing-moved': 'no bytes were seen to move between the two sockets',
  encrypted:
    'each piece is as much longer on one side as TLS makes it, so that its bytes cannot be compared',
  'alike-only': 'what it wrote is only as long as what it read, and begins and ends alike',
  'sockets-handed': 'another process accepted or dialled one of the two and handed it on',
  'sockets-older': 'it accepted or dialled one of the two before the trace began',
  'calls-unwatched': 'its calls were not watched',
  'request-unfollowed': 'none of the client’s bytes were seen to move into the other socket',
  'answer-unfollowed': 'none of its answer was seen to come from the other socket',
  'calls-untold': 'not all of its calls were told',
  'elsewhere-unwatched': 'what it wrote elsewhere meanwhile was not watched',
  'nat-not-asked': 'whether NAT would have sent it on was not seen',
  'container-unseen': 'the packet was not seen at the container',
  'few-datagrams': 'datagrams have no numbers, and so few may have gone over another flow as well',
  'bytes-uncompared': 'not all bytes of both legs could be compared',
  'older-than-capture': 'the connection is older than the capture',
  'pairing-open':
    'several connections carried the same bytes at once, so that this pair may be another',
  'content-common':
    'so little content may be carried by chance: a process of the host may have answered it while another connection ' +
    'of the same kind went to the container',
  'ends-unlinked': 'it is not to be seen that one leg ended because the other had',
};

const REWRITING: Readonly<Record<LinkDoubt, string>> = {
  unmarked: 'neither IP identification nor timestamps show that they are the same',
  'one-way': 'only one direction shows that a machine stands between them',
  'both-ends':
    'both ends changed, and nothing shows that the new source is the address of a machine in between',
};

/** What the whole trace lacks, in the source's own words if it gives a reason. */
function writeLack(lack: Extract<Doubt | Gap, { code: 'events-lost' | 'not-whole' }>): string {
  if (lack.code === 'events-lost') return `${lack.count} events were lost`;
  if (lack.note !== null) return lack.note;
  return lack.of === 'capture' ? 'packets are missing' : 'the trace is not sealed';
}

/** How many of several requests were answered with another connection's help. */
function writeExchanges(exchanges: ExchangeCounts | null): string {
  if (exchanges === null || exchanges.all < 2 || exchanges.elsewhere === exchanges.all) return '';
  return ` (for ${exchanges.elsewhere} of its ${exchanges.all} requests)`;
}

/** A clause about the process, which it calls "it". */
function writeWayOn({ what, did, to }: WayFacts): string {
  const end = to === null ? '' : ` ${formatEndpoint(to)}`;
  const used = did === 'read' ? 'it also read from' : 'it also wrote to';
  switch (what) {
    case 'dial':
      return `it also dialled${end}`;
    case 'call':
      return `${used} a connection to${end}`;
    case 'socket':
      return `${used} a connection to${end} that is not traced`;
    case 'pipe':
      return `${used} a pipe`;
    case 'device':
      return `${used} a device`;
    case 'unix':
      return `${used} a unix socket`;
    case 'family':
      return `${used} a socket of another kind`;
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

/** Why no path is reported. */
export function writeGap(gap: Gap, { client, server, destination }: ConnectionFacts): string {
  switch (gap.code) {
    case 'contradiction':
      return `there is evidence for ${gap.paths.join(' and for ')} at once`;
    case 'events-lost':
    case 'not-whole':
      return writeLack(gap);
    case 'may-be-relays-own': {
      const name = gap.process ? writeProcess(gap.process) : 'a relay';
      return `it may be the own leg of ${name} for a client that was not seen`;
    }
    case 'redirect-untaken': {
      const ends = [gap.redirect.from, gap.redirect.to].map(formatEndpoint).join(' to ');
      return `a rule redirected ${ends}, an address of the host, and no process was seen to accept it there`;
    }
    case 'went-nowhere': {
      const dialled = server ? formatEndpoint(server) : 'it';
      const rewrote =
        gap.rewritten === false
          ? `no rule rewrote ${dialled}`
          : `whether a rule rewrote ${dialled} was not seen`;
      return `${rewrote}, no process of the host accepted it, and it entered no container`;
    }
    case 'other-host':
      return writeOtherHost(gap.tunnel);
    case 'lack-hides':
      return `${writeLack({ code: 'not-whole', of: 'capture', note: gap.note })}, and nothing else shows what became of it`;
    default:
      return writeUnseen(gap, client, destination);
  }
}

function writeOtherHost({ way, kind, id, device }: TunnelTaken): string {
  const tunnel = `${nameTunnel(kind, id)} (${device})`;
  return way === 'left'
    ? `it left this host through ${tunnel}, and what became of it on the other host is not in this trace`
    : `it came from another host through ${tunnel}, and what the client dialled there is not in this trace`;
}

/** Which part of the path was not seen. */
function writeUnseen(gap: UnseenGap, client: Endpoint, destination: Endpoint): string {
  const to = formatEndpoint(destination);
  const from = formatEndpoint(client);
  switch (gap.code) {
    case 'disputed':
      return (
        `the same packets as those for ${to} were also seen under other addresses, in a way that no single rewriting explains: some ` +
        'of them may be edited copies, or they were rewritten more than once'
      );
    case 'bytes-missing':
      return (
        `packets of ${from} to ${to} are missing from the capture (bytes were acknowledged that it ` +
        'does not hold), and nothing else shows what became of it'
      );
    case 'half-open':
      return `${to} agreed (SYN+ACK), ${from} never acknowledged that, and no packet was seen to go further`;
    case 'refused':
      return `${to} refused it, and no packet was seen to go further`;
    case 'silent':
      return `nothing answered from ${to}, and no packet was seen to go further`;
    case 'seen-at-sender':
      return (
        `only ${from} to ${to} was captured, sent by the capturing machine itself: DNAT in OUTPUT ` +
        '(which shows only the rewritten destination), a relay and a direct connection look the same'
      );
    case 'behind-bridge':
      return (
        `only ${from} to ${to} was captured, sent by a container: a bridge may have rewritten the ` +
        'destination before this device saw it'
      );
    case 'routed-before':
      return (
        `its packets had been routed before they were captured (TTL ${gap.ttl}): whether their destination had been ` +
        'rewritten by then is not to be seen'
      );
    case 'one-place':
      return `only ${from} to ${to} was captured: a relay, masqueraded, routed and direct traffic look the same there`;
    default:
      return PLAIN_GAPS[gap.code];
  }
}

type UnseenGap = Exclude<
  Gap,
  {
    readonly code:
      | ('contradiction' | 'events-lost' | 'not-whole' | 'may-be-relays-own')
      | ('redirect-untaken' | 'went-nowhere' | 'other-host' | 'lack-hides');
  }
>;

const PLAIN_GAPS: Readonly<
  Record<'older-than-trace' | 'decider-unseen' | 'entry-unseen' | 'coincidence', string>
> = {
  'older-than-trace': 'it began before the trace',
  'decider-unseen': 'what decides its path was not seen',
  'entry-unseen': 'it entered a container, but how was not seen',
  coincidence:
    'a second connection carried the same bytes, as a relay would, but others that nothing explains carried them at ' +
    'that time too: it may be a coincidence',
};
