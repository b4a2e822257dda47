/** The reasons why a predicted connection ends as it does, as codes with fields; src/words/predictions writes them. */
import type { Endpoint } from './address.js';
import type { Protocol } from './event.js';
import type { RouteReason, WireReason } from './route-reason.js';
import type { Question } from './question.js';
import type { Discovery } from './rules.js';
import type { Path } from './verdict.js';

/** A reason is one clause; some reasons join others. */
export type Reason =
  | JoiningReason
  | ArrivalReason
  | LoopbackReason
  | RuleReason
  | FollowingReason
  | ContainerReason
  | RouteReason
  | WireReason
  | OpenReason;

export type JoiningReason =
  | { readonly code: 'but'; readonly first: Reason; readonly but: Reason }
  /** The second one describes where the first one leads. */
  | { readonly code: 'with'; readonly first: Reason; readonly more: Reason }
  | { readonly code: 'inside'; readonly container: string; readonly reason: Reason };

/** A port of this host; `address` is null where it is not known which of its own it is. */
export interface HostPort {
  readonly address: string | null;
  readonly port: number;
}

/** A relay, by its process and its socket. */
export interface RelayName {
  readonly command: string;
  readonly pid: number;
  readonly listens: Endpoint;
}

/** Where a packet arrives: a socket of the host, the relay behind it, or a container. Unknown commands are null. */
export type ArrivalReason =
  | {
      readonly code: 'redirected-to-process' | 'served';
      readonly at: HostPort;
      readonly command: string | null;
    }
  | { readonly code: 'redirected'; readonly at: HostPort; readonly listenersKnown: boolean }
  | {
      readonly code: 'unserved' | 'nothing-listens' | 'relay-assumed' | 'listener-unknown';
      readonly at: HostPort;
    }
  | { readonly code: 'held' | 'port-driver'; readonly at: HostPort; readonly command: string }
  | { readonly code: 'no-rule-takes-it' }
  | { readonly code: 'relayed'; readonly relay: RelayName; readonly leg: RelayedLeg | null }
  /** What the relay dials leads back to the relay. */
  | { readonly code: 'relay-loops'; readonly command: string; readonly to: Endpoint }
  | {
      readonly code: 'relay-fails';
      readonly protocol: Protocol;
      readonly command: string;
      readonly to: Endpoint;
    }
  /** The addresses are null where they are not known. */
  | {
      readonly code: 'stray-reply';
      readonly command: string;
      readonly source: string | null;
      readonly dialled: string | null;
    }
  | { readonly code: 'may-stray'; readonly source: string | null }
  | { readonly code: 'led'; readonly translated: boolean; readonly to: HostPort }
  | { readonly code: 'balancer' | 'off-bridge' }
  | { readonly code: 'address-unheld'; readonly bridge: string }
  | { readonly code: 'address-unused'; readonly address: string }
  | {
      readonly code: 'deaf' | 'deaf-outside';
      readonly container: string;
      readonly port: number;
    };

/** The fate of the relay's own connection. */
export type RelayedLeg =
  | { readonly fails: Reason }
  | { readonly to: Endpoint; readonly doubt: Reason | null; readonly stray: Reason | null };

/** Packets of loopback addresses; `device` is null where the bridge is not known. */
export type LoopbackReason =
  | { readonly code: 'from-loopback' | 'loopback-unmasked' | 'loopback6' | 'loopback6-unrouted' }
  | {
      readonly code: 'localnet-unknown' | 'localnet-needed' | 'localnet-bars' | 'localnet-off';
      readonly device: string | null;
    };

/** A rule or, where `rule` is null, a chain's policy. */
export interface RulePlace {
  readonly rule: string | null;
  readonly chain: string;
  readonly table: string;
}

/** Where a rule acts: a hook as iptables names it, or the bridge. */
export type RuledPlace = string;

export type RuleReason =
  | {
      readonly code: 'stopped-in';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
      readonly rejects: boolean;
      readonly translated: boolean;
    }
  | {
      readonly code: 'stopped-by';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
      readonly rejects: boolean;
    }
  /** `how` is the kind of the rejection in the words of its rule; null where routing refuses. */
  | { readonly code: 'client-not-told'; readonly how: string | null }
  | { readonly code: 'crossing-unknown'; readonly place: RuledPlace }
  | { readonly code: 'bridge-untranslated' }
  /** Neighbours of IPv6 cannot find each other; `device` is null where its name is not known. */
  | {
      readonly code: 'discovery-stopped';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
      readonly message: Discovery;
      readonly device: string | null;
    }
  /** The same of IPv4, where a rule of this chain may stop any message. */
  | { readonly code: 'arp-rules'; readonly chain: string; readonly table: string }
  /** A device that asks for no neighbour and answers none, by its flag or by `arp_ignore`. */
  | { readonly code: 'no-arp'; readonly device: string; readonly ignores: boolean }
  | {
      readonly code: 'message-stopped';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
    }
  | { readonly code: 'message-lost'; readonly reason: Reason };

/** What follows the first packet: the answer, a refusal, or later packets of the client. */
export type Following = 'answer' | 'refusal' | 'later';

export type FollowingReason =
  | {
      readonly code: 'following-stopped' | 'following-stopped-in' | 'following-unheard';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
      readonly rejects: boolean;
      readonly turn: Following;
    }
  | {
      readonly code: 'following-at-bridge';
      readonly by: RulePlace | null;
      readonly place: RuledPlace;
      readonly turn: Following;
    }
  | { readonly code: 'following-lost'; readonly turn: Following; readonly reason: Reason }
  | { readonly code: 'following-strays'; readonly turn: Following; readonly stays: boolean }
  | { readonly code: 'mistaken'; readonly turn: Following; readonly tracking: string }
  | { readonly code: 'tracked-anew'; readonly turn: Following }
  | { readonly code: 'unless-offloaded'; readonly first: Reason; readonly stopped: Reason }
  | { readonly code: 'when-asked-again' | 'unless-pushed'; readonly reason: Reason };

/** Reasons inside the container, and by which device of the host its packets come back. */
export type ContainerReason =
  | { readonly code: 'own-address'; readonly container: string }
  | { readonly code: 'leads-elsewhere'; readonly container: string; readonly device: string }
  | {
      readonly code: 'to-gateway';
      readonly container: string;
      readonly gateway: string;
      readonly device: string;
      /** Who has the gateway's address, where that is known, and what follows. */
      readonly owner:
        | { readonly kind: 'unknown' }
        | { readonly kind: 'nobody'; readonly bridge: string }
        | { readonly kind: 'known' | 'idle'; readonly name: string };
    }
  | {
      readonly code: 'wire-misses-host';
      readonly container: string;
      readonly device: string;
      readonly address: string;
    }
  | {
      readonly code: 'container-rule';
      readonly container: string;
      readonly rule: string | null;
      readonly chain: string;
      readonly rejects: boolean;
    }
  | { readonly code: 'container-redirects'; readonly container: string }
  | { readonly code: 'taken-to'; readonly target: string }
  | {
      readonly code: 'false-neighbour';
      readonly container: string;
      /** Null for the client. */
      readonly address: string | null;
      readonly device: string;
    }
  | { readonly code: 'not-straight'; readonly container: string; readonly device: string };

/** What is not known, and the rule that asks for it; null where routing does. */
export interface OpenQuestion {
  readonly question: Question;
  readonly by: RulePlace | null;
}

/** How a connection ends; `inVain` where a relay takes it and fails behind it. */
export interface PredictedEnd {
  readonly end: 'answered' | 'refused' | 'dropped' | 'unknown';
  readonly way: Path | null;
  readonly inVain: boolean;
}

/** Where nothing definite can be said. */
export type OpenReason =
  | { readonly code: 'beyond-rules'; readonly by: 'ebpf' | 'ipvs' }
  | {
      readonly code: 'not-understood';
      readonly chain: string;
      readonly table: string;
      readonly what: Question;
    }
  | {
      readonly code: 'other-targets';
      readonly first: Reason;
      readonly targets: readonly string[];
      /** Null where chance decides. */
      readonly on: OpenQuestion | null;
    }
  | { readonly code: 'too-many-questions'; readonly first: OpenQuestion | null }
  | {
      readonly code: 'depends';
      readonly on: readonly OpenQuestion[];
      readonly ends: readonly PredictedEnd[];
    }
  /** Not all rules are known. */
  | {
      readonly code: 'withheld';
      readonly path: Path | 'refused' | 'dropped';
      /** The version of IP whose rules are not; null where any may be missing. */
      readonly unread: 4 | 6 | null;
    };
