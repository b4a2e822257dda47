/** The scene: plain data that the terminal, the SVG and Mermaid draw; all layout decisions are already made. */
import type { HeadlineWords } from '../../words/headline.js';
import type { Outcome, Path, Proof } from '../../model/verdict.js';

/** What a lane stands for; renderers give each kind its own look. */
export type LaneKind =
  'process' | 'relay' | 'endpoint' | 'bridge' | 'veth' | 'loopback' | 'device' | 'hook';

export interface Lane {
  readonly name: string;
  /** `pid 3298`, an address …; empty when there is nothing to say. */
  readonly detail: string;
  readonly kind: LaneKind;
  /** False for an end that nothing reached, as far as was seen. */
  readonly reached: boolean;
}

/** Neighbouring lanes of one network namespace. */
export interface LaneGroup {
  readonly name: string;
  /** Index of the first and the last lane. */
  readonly from: number;
  readonly to: number;
}

/** What a row is about; renderers give each tone its own colour and line. */
export type Tone = 'request' | 'reply' | 'reset' | 'retransmit' | 'relay' | 'process';

/** Where a packet was seen. */
export interface Stop {
  readonly lane: number;
  /** Numbers of the events here; a folded row has the first only. */
  readonly events: readonly number[];
  /** Nanoseconds since the stop before; null at the first, and where that is on another host. */
  readonly since: number | null;
}

/** A change of addresses since the previous stop. */
export interface Rewriting {
  /** Lane of the previous stop (null if there is none), and of the first stop with the new addresses. */
  readonly after: number | null;
  readonly lane: number;
  /** True if it was seen on a drop just behind the stop at `lane`. */
  readonly behind: boolean;
  readonly hook: 'PREROUTING' | 'INPUT' | 'OUTPUT' | 'POSTROUTING' | 'reply';
  readonly field: 'source' | 'destination';
  readonly before: string;
  readonly now: string;
  /** True where this rewriting is first seen: only there it is spelled out. */
  readonly spelledOut: boolean;
}

export interface DropMark {
  readonly event: number;
  /** The drop is drawn at this lane, or just behind it if the packet's last stop was there. */
  readonly lane: number;
  readonly behind: boolean;
  readonly reason: string;
  /** True where this reason is first given: only there it is spelled out. */
  readonly spelledOut: boolean;
}

interface RowBase {
  /** Nanoseconds since the first event of the connection. */
  readonly time: number;
  readonly flow: 'request' | 'reply';
  readonly tone: Tone;
  /** `SYN ACK`, `14 B`, `212 segments, 1.2 MB`. */
  readonly label: string;
  /** The same in fewer columns. */
  readonly brief: string;
  /** Full text for a tooltip. */
  readonly title: string;
  /** Every event that this row stands for. */
  readonly events: readonly number[];
  /** How many packets or calls this row stands for. */
  readonly count: number;
}

/** One packet (or many, folded) on its way over the lanes, in the order in which it was seen. */
export interface ArrowRow extends RowBase {
  readonly type: 'arrow';
  readonly stops: readonly Stop[];
  /** Lanes of the sender and of the receiver, if they can be inferred; null otherwise. Neither was itself seen. */
  readonly tail: number | null;
  readonly head: number | null;
  readonly rewritings: readonly Rewriting[];
  readonly drop: DropMark | null;
  /** Whether it passed unlisted places before the first stop, or after the last: it did not begin, or end, there. */
  readonly unlisted: { readonly before: boolean; readonly after: boolean };
  /** Nanoseconds from the first to the last stop; null with fewer than two stops, between two hosts, and for folded rows. */
  readonly took: number | null;
}

/** Something that a process or the TCP stack did at one lane. */
export interface PointRow extends RowBase {
  readonly type: 'point';
  readonly lane: number;
}

/** Bytes that the relay moved from one of its sockets to the other. */
export interface RelayRow extends RowBase {
  readonly type: 'relay';
  readonly lane: number;
  readonly bytes: number;
}

/** A remark between rows: a pause, or events that were counted but not listed. */
export interface RemarkRow {
  readonly type: 'remark';
  readonly kind: 'pause' | 'omitted';
  readonly text: string;
}

export type Row = ArrowRow | PointRow | RelayRow | RemarkRow;

/** The ladder of one connection. */
export interface Ladder {
  readonly lanes: readonly Lane[];
  readonly groups: readonly LaneGroup[];
  /** Machines that the lanes are on; empty where only one was traced. */
  readonly hosts: readonly LaneGroup[];
  readonly rows: readonly Row[];
}

/** What a line of evidence means for the user; `unsure` if this source cannot know. */
export type EvidenceMark = 'good' | 'bad' | 'unsure';

export interface EvidenceLine {
  readonly mark: EvidenceMark;
  readonly claim: string;
  readonly events: readonly number[];
}

/** One connection in full: heading, ladder, evidence, why. */
export interface Panel {
  readonly id: number;
  readonly protocol: string;
  /** Endpoints in the order of the way: client, what it dialled, container. */
  readonly route: readonly string[];
  readonly path: Path | 'unknown';
  readonly proof: Proof;
  readonly outcome: Outcome;
  readonly reason: string;
  /** Short facts: bytes, latencies, relay, drop. The outcome stands before them. */
  readonly facts: readonly string[];
  /** Moment of the first event, or null without events. */
  readonly started: string | null;
  readonly ladder: Ladder;
  readonly evidence: readonly EvidenceLine[];
  readonly why: string | null;
  /** Rules that its first packets met, in order; null where they were not traced. */
  readonly rules: readonly string[] | null;
  /** Functions of the kernel that its first packets went through; null where they were not probed. */
  readonly functions: readonly string[] | null;
}

/** Connections alike in path, proof, outcome, client and container. */
export interface SummaryGroup {
  readonly count: number;
  readonly path: Path | 'unknown';
  readonly proof: Proof;
  readonly outcome: Outcome;
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  /** Ids of the connections, lowest first. */
  readonly ids: readonly number[];
}

/** Connections that took one path to one end, and the ladder of the first of them. */
export interface WayGroup {
  readonly count: number;
  readonly path: Path | 'unknown';
  readonly outcome: Outcome;
  /** Id of the first connection, whose ladder is shown. */
  readonly id: number;
  readonly ladder: Ladder;
}

/** A whole report, laid out. */
export interface Scene {
  /** `6379`, or what was traced if there is no port. */
  readonly subject: string;
  readonly reason: string;
  /** The answer in words, printable; the first line of every output. */
  readonly headline: HeadlineWords;
  /** `live trace · 20 connections`. */
  readonly about: string;
  /** Empty for few connections: their headings say the same. */
  readonly summary: readonly SummaryGroup[];
  readonly panels: readonly Panel[];
  /** Each way with its outcome, at most `MOST_WAYS`: failed ways first, then the most used. */
  readonly ways: readonly WayGroup[];
  /** How many more ways there are. */
  readonly moreWays: number;
  readonly connections: number;
  /** How many connections were seen, including those that filters leave out. */
  readonly seen: number;
  /** What may be missing, and what differs from the prediction. */
  readonly warnings: readonly string[];
  /** What is known to be complete; empty if nothing is. */
  readonly complete: string;
}
