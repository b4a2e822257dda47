/** The claims of a trace for and against each path, as codes and facts; src/words/claims.ts writes them. */
import type { Endpoint } from './address.js';
import type { Protocol } from './event.js';

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/**
 * How alike the bytes of two streams are, as far as a capture has them. `equal`: every byte is equal. `same-start`:
 * the same number of bytes, and all known ones are equal. `same-length`: the same number, but none to compare.
 * `part`: equal as far as both go. `empty`: neither has any. `different`: not the same stream.
 */
export type Likeness = 'equal' | 'same-start' | 'same-length' | 'part' | 'empty' | 'different';

/**
 * Why equal content of two legs in a capture is no coincidence. `content`: there is enough of it, and no other leg
 * carried it. `course`: there is little, but no other leg carried it, and everything from the dial to the end passed in
 * turn. `service`: every connection of the service has its pair, eight at least.
 */
export type Ownership = 'content' | 'course' | 'service';

/** Why a rewriting that a capture shows is not proven. */
export type LinkDoubt =
  /** Neither IP identification nor timestamps show that both sightings are one packet. */
  | 'unmarked'
  /** Only one direction shows that a machine stands between, and no device shows it coming in and going out. */
  | 'one-way'
  /** Both ends changed, and nothing shows that the new source belongs to the machine that was dialled. */
  | 'both-ends';

interface ByteCounts {
  readonly fromClient: number;
  readonly fromServer: number;
}

/** The facts of each claim, by its code. */
export interface ClaimFacts {
  /** Something rewrote the destination, shown by conntrack's entry or by packets seen with two destinations. */
  'nat-rewritten': {
    readonly by: 'conntrack' | 'addresses';
    /** Null where nothing was rewritten. */
    readonly from: Endpoint | null;
    readonly to: Endpoint | null;
    readonly hook: 'PREROUTING' | 'OUTPUT' | null;
  };
  /** One packet was seen with both destinations. */
  'same-packet':
    | {
        readonly by: 'socket';
        readonly process: Process | null;
        readonly from: Endpoint;
        readonly to: Endpoint;
      }
    /** The sequence number is null for datagrams, and where no such packet was seen. */
    | { readonly by: 'skb'; readonly seq: number | null }
    | { readonly by: 'marks'; readonly marks: SharedMarks | null };
  /** A capture: requests passed a machine one way and answers the other. */
  'machine-between': { readonly doubt: LinkDoubt | null };
  /** A process of the host took the connection. */
  'host-accepted': {
    readonly protocol: Protocol;
    /** Null where none was seen to. */
    readonly taken: {
      readonly process: Process;
      readonly at: Endpoint;
      readonly descriptor: number;
      /** It waited for the datagrams before the trace began, and was seen to answer them only. */
      readonly answered: boolean;
    } | null;
    /** A process must have taken it, because it relayed the connection. */
    readonly before: boolean;
  };
  /** All that this process wrote until it had answered went to its client. */
  'host-alone': { readonly process: Process };
  /** A relay began a connection of its own for this one. */
  'relay-dialled': {
    readonly process: Process | null;
    /** Null where it was not seen to. */
    readonly leg: {
      readonly protocol: Protocol;
      readonly from: Endpoint;
      readonly to: Endpoint;
      /** It wrote frames into its tap device, and has no socket for it. */
      readonly tap?: true;
    } | null;
  };
  /** Bytes went from one socket of a relay into the other. */
  'relay-moved':
    | { readonly how: 'shared'; readonly to: Endpoint }
    | { readonly how: 'unfollowed' }
    /** What both legs carried; the second is of the leg behind a tap device. */
    | { readonly how: 'tap'; readonly carried: readonly [ByteCounts, ByteCounts] }
    | {
        readonly how: 'moved' | 'alike';
        readonly toUpstream: number | null;
        readonly toClient: number | null;
        /** What the legs carried; left out where it is as much as was moved. */
        readonly carried: readonly ByteCounts[] | null;
      };
  /** The client dialled a container's own address; the container by name where that is known. */
  'container-addressed': { readonly server: Endpoint; readonly owner: string | null };
  /** The host's kernel found no socket there. */
  'nothing-listened': { readonly server: Endpoint };
  /** A rule of the host dropped its first packet after NAT had left it as it was. */
  'stopped-at-host': { readonly server: Endpoint };
  /** A packet for this end was seen to enter its namespace. */
  'entered-container': {
    readonly to: Endpoint;
    readonly at: {
      /** Null for a namespace that is not known. */
      readonly namespace: string | null;
      readonly device: string | null;
      readonly ifindex: number | null;
    } | null;
  };
  /** A capture: a second handshake followed the client's. */
  'handshakes-nested': { readonly from: Endpoint; readonly to: Endpoint };
  /** A capture: both legs carried the same bytes. */
  'streams-equal': {
    readonly protocol: Protocol;
    readonly request: Likeness;
    readonly reply: Likeness;
    /** Little was compared, or bytes are missing. */
    readonly thin: boolean;
  };
  /** A capture: no other connection could be the other leg. */
  'only-pairing': object;
  /** A capture: nothing else in it carried what both legs did. */
  'content-own': { readonly own: Ownership | null };
  /** A capture: seen before and after a machine, with the same addresses. */
  'never-rewritten': {
    readonly to: Endpoint;
    readonly crossing: 'routed' | 'bridged' | null;
    /** TTL of its requests at the first device and at the last. */
    readonly ttl: { readonly first: number; readonly last: number };
  };
  /** Nothing is missing that could change the verdict; prove/coverage makes this claim from the trace's coverage. */
  complete: {
    readonly of: 'trace' | 'capture';
    /** Runs of probes on packets that the kernel left out; 0 without any. */
    readonly skippedRuns: number;
    readonly begun: boolean;
    /** Why the trace is not complete, in the source's words; null where it is, or no reason is known. */
    readonly note: string | null;
  };
  /** The counter of the rule that decides by the prediction grew; this claim never decides. */
  'rule-counted': { readonly chain: string; readonly packets: number };
}

/** What one packet has in common before and after a rewriting in a capture. */
export interface SharedMarks {
  /** Packets that were seen on both sides. */
  readonly packets: number;
  readonly protocol: Protocol;
  readonly seq: number;
  readonly length: number;
  readonly ipId: number | null;
  readonly timestamp: number | null;
  readonly ttls: readonly [number, number];
}

export type ClaimCode = keyof ClaimFacts;

/**
 * What a claim needs if it rests on something that was not seen. `events`: no event was lost. `packets`: no run of a
 * packet probe was skipped either.
 */
export type Absence = 'events' | 'packets';

export interface ClaimOf<Code extends ClaimCode> {
  readonly code: Code;
  /** true: seen; false: seen not to be; null: this source cannot know. */
  readonly holds: boolean | null;
  /** Left out where the answer rests on what was seen. */
  readonly absence?: Absence;
  /** Numbers of the events that it rests on. */
  readonly events: readonly number[];
  readonly facts: ClaimFacts[Code];
}

export type Claim = { [Code in ClaimCode]: ClaimOf<Code> }[ClaimCode];
