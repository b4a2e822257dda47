/** The types of a verdict on one connection: its facts without events, and what keeps a path from being proven. */
import type { Endpoint } from './address.js';
import type { Claim, LinkDoubt, Process } from './claim.js';
import type { AsideKind, Protocol } from './event.js';
import type { Connection } from './report.js';
import type { Device } from './topology.js';
import type { TraceTail } from './trace.js';
import type { Outcome, Path, Proof } from './verdict.js';

/** What the trace as a whole lacks; applied to the facts of each connection without its events. */
export type TraceCoverage = Pick<
  TraceTail,
  'sealed' | 'lostEvents' | 'truncated' | 'skippedRuns' | 'notes'
>;

/** One connection as the judge sees it. */
export interface ConnectionFacts {
  /** Where it was seen: by the host's kernel, with sockets and processes, or by the packets of a capture only. */
  readonly seenBy: 'host' | 'wire';
  readonly protocol: Protocol;
  readonly client: Endpoint;
  /** What was dialled; null where that is not known. */
  readonly server: Endpoint | null;
  readonly destination: Endpoint;
  readonly begun: boolean;
  /** Claims as in a complete trace; prove/coverage withdraws those that do not stand. */
  readonly claims: readonly Claim[];
  /** The process that dialled; null where none was seen. */
  readonly dialler: (Process & { readonly isRelay: boolean }) | null;
  /** The client's address is one of the host's own. */
  readonly fromHost: boolean;
  /** The rewriting that sent it to an address of the host itself. */
  readonly redirect: Redirect | null;
  /** The process of the host that took it; null where none was seen to. */
  readonly taken: Taken | null;
  /** The relay between client and server; null where none was seen. */
  readonly relay: RelayFacts | null;
  /** The tunnel of this host that its first packet left by, or came by; null without one. */
  readonly tunnel: TunnelTaken | null;
  /** A rule of the host dropped its first packet. */
  readonly stopped: boolean;
  /** How it ended if no packet is missing, and if some are. */
  readonly endings: { readonly whole: Ending; readonly lossy: Ending };
  /** What may explain why a capture's packets show no path; null where seen by the host. */
  readonly wire: WireDoubts | null;
}

export interface Redirect {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly hook: 'PREROUTING' | 'OUTPUT' | null;
}

/** A tunnel device that a connection's packets passed. */
export interface TunnelTaken {
  readonly way: 'left' | 'came';
  readonly kind: NonNullable<Device['tunnel']>['kind'];
  readonly id: number | null;
  readonly device: string;
}

export interface Taken {
  readonly process: Process;
  /** The container on the host's network whose process it is; null for the host's own, and where that is not known. */
  readonly container: string | null;
  /** It answered, or there was no request; a process that only reads does not answer. */
  readonly answers: boolean;
  /** What keeps it from being proven to answer by itself. */
  readonly doubts: readonly Doubt[];
}

export interface RelayFacts {
  /** The relay nearest to the client; null where no process was seen, as in captures without a map of the host. */
  readonly process: Process | null;
  /** Where it listens, by its arguments or by the map of the host; null where that is not known. */
  readonly listens: Endpoint | null;
  /** docker-proxy by its arguments or by its name. */
  readonly isDockerProxy: boolean;
  /** Found by likeness or as the only candidate, which is a guess where events were lost. */
  readonly guessed: boolean;
  /** The client sent no request, and the relay's own dial was not seen. */
  readonly maybePortCheck: boolean;
  /** The leg that each relay dialled, in order from the client; empty where none was seen. */
  readonly legs: readonly RelayLeg[];
  /** What keeps it from being proven to relay. */
  readonly doubts: readonly Doubt[];
}

export interface RelayLeg {
  readonly process: Process | null;
  readonly protocol: Protocol;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** How a connection ended for its client. */
export interface Ending {
  readonly outcome: Outcome;
  /** The events alone show the outcome: no missing packet and none from before the trace could change it. */
  readonly shown: boolean;
  /** What the kernel's sockets and drops show of it; null in captures. */
  readonly course: ConnectionCourse | null;
}

export interface ConnectionCourse {
  readonly end: Connection['end'];
  /** The drop that decided; null where none did. */
  readonly drop: EndingDrop | null;
  readonly handshake: Connection['handshake'];
  readonly stall: Connection['stall'];
  /** The last that reached the container where no answer came; null where that is not known. */
  readonly reached: 'datagrams' | 'request' | 'SYN' | null;
}

export interface EndingDrop {
  readonly reason: string;
  readonly function: string;
  readonly packet: NonNullable<NonNullable<Connection['drop']>['packet']>;
  readonly flow: 'request' | 'reply';
  /** Dropped by a rule in OUTPUT. */
  readonly inOutput: boolean;
}

export interface WireDoubts {
  /** The same packets were seen under other addresses, in a way that no single rewriting explains. */
  readonly disputed: boolean;
  /** Bytes were acknowledged that the capture does not hold. */
  readonly lacksBytes: boolean;
  /** The server sent a SYN+ACK, and the client never acknowledged it. */
  readonly halfOpen: boolean;
  /** The capturing machine sent it. */
  readonly isLocal: boolean;
  /** A relay may have carried it, but others carried the same bytes at that time. */
  readonly open: boolean;
  /** A container sent it, and a bridge may have rewritten it before. */
  readonly behindBridge: boolean;
  /** TTL of its first requests, where they had been routed before they were captured. */
  readonly routedTtl: number | null;
}

/** Requests that a process answered, and those with a call elsewhere meanwhile. */
export interface ExchangeCounts {
  readonly all: number;
  readonly elsewhere: number;
}

/** A way by which a process may have passed bytes on. */
export interface WayFacts {
  readonly what: 'dial' | 'call' | AsideKind;
  readonly did: 'read' | 'wrote';
  readonly to: Endpoint | null;
}

/** What keeps a path from being proven. */
export type Doubt =
  // What the trace lacks.
  | { readonly code: 'events-lost'; readonly count: number }
  | { readonly code: 'runs-skipped'; readonly count: number }
  | { readonly code: 'not-whole'; readonly of: 'trace' | 'capture'; readonly note: string | null }
  | { readonly code: 'older-than-trace' }
  // Of a relay.
  | { readonly code: 'dial-unseen' }
  | { readonly code: 'bytes-shared' }
  | { readonly code: 'known-by-name' }
  | { readonly code: 'way-on-unfollowed' }
  | { readonly code: 'nothing-moved' }
  | { readonly code: 'encrypted' }
  | { readonly code: 'alike-only' }
  | { readonly code: 'sockets-older' }
  | { readonly code: 'sockets-handed' }
  | { readonly code: 'calls-unwatched' }
  | { readonly code: 'request-unfollowed' }
  | { readonly code: 'answer-unfollowed' }
  | { readonly code: 'calls-untold' }
  | { readonly code: 'adds-bytes'; readonly exchanges: ExchangeCounts | null }
  | { readonly code: 'answer-in-part'; readonly written: number; readonly of: number }
  // Of a process of the host.
  | { readonly code: 'socket-handed'; readonly command: string; readonly pid: number }
  | {
      readonly code: 'ways-elsewhere';
      readonly ways: readonly WayFacts[];
      readonly exchanges: ExchangeCounts | null;
    }
  | { readonly code: 'elsewhere-unwatched' }
  // Of what ends at the host, or at a container.
  | { readonly code: 'nat-not-asked' }
  | { readonly code: 'container-unseen' }
  // Of a capture.
  | { readonly code: 'rewriting'; readonly why: LinkDoubt }
  | { readonly code: 'few-datagrams' }
  | { readonly code: 'bytes-uncompared' }
  | { readonly code: 'older-than-capture' }
  | { readonly code: 'pairing-open' }
  | { readonly code: 'content-common' }
  | { readonly code: 'ends-unlinked' };

/** Why no path is found. */
export type Gap =
  | { readonly code: 'contradiction'; readonly paths: readonly Path[] }
  | { readonly code: 'not-whole'; readonly of: 'trace' | 'capture'; readonly note: string | null }
  | { readonly code: 'events-lost'; readonly count: number }
  | { readonly code: 'older-than-trace' }
  | { readonly code: 'may-be-relays-own'; readonly process: Process | null }
  | { readonly code: 'redirect-untaken'; readonly redirect: Redirect }
  | { readonly code: 'decider-unseen' }
  | { readonly code: 'entry-unseen' }
  | { readonly code: 'went-nowhere'; readonly rewritten: false | null }
  | { readonly code: 'other-host'; readonly tunnel: TunnelTaken }
  // Of a capture.
  | { readonly code: 'lack-hides'; readonly note: string | null }
  | { readonly code: 'disputed' }
  | { readonly code: 'bytes-missing' }
  | { readonly code: 'half-open' }
  | { readonly code: 'refused' }
  | { readonly code: 'silent' }
  | { readonly code: 'seen-at-sender' }
  | { readonly code: 'coincidence' }
  | { readonly code: 'behind-bridge' }
  | { readonly code: 'routed-before'; readonly ttl: number }
  | { readonly code: 'one-place' };

/** What shows a path: the rows of the judge's table. */
export type Showing =
  'rewritten' | 'relayed' | 'taken' | 'stopped' | 'nothing-listened' | 'addressed' | 'crossed';

export type Judgement =
  | {
      readonly path: Path;
      readonly by: Showing;
      readonly proof: Exclude<Proof, 'inconclusive'>;
      /** What lowers it; empty where it is proven. */
      readonly doubts: readonly Doubt[];
    }
  | { readonly path: 'unknown'; readonly proof: 'inconclusive'; readonly because: readonly Gap[] };

/** A judged connection: the claims that stand and how it ended, given the trace's coverage. */
export interface Judged {
  readonly facts: ConnectionFacts;
  readonly claims: readonly Claim[];
  readonly ending: Ending;
  readonly judgement: Judgement;
}
