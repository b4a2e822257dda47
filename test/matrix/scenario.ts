/** What a scenario is: how its traffic is sent, and what is true of it by construction, never by trace-flow. */
import type { Lab, LabContainer } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import type { Protocol } from '../../src/model/event.js';
import type { Proof } from '../../src/model/verdict.js';
import type { Stage } from './stage.js';

/** What is true of one connection. Addresses may hold places of the stage: `{client}`, `{redis}`, `{redis.gateway}`. */
export interface Truth {
  readonly path: Connection['path'];
  readonly outcome: Connection['outcome'];
  /** Where its destination was rewritten; none unless told. */
  readonly hook?: 'PREROUTING' | 'OUTPUT';
  /** Name of the container that it was for; null for a process of the host. */
  readonly container: string | null;
  /** The relay's command; none unless told. Of docker-proxy the arguments are looked up in /proc. */
  readonly relay?: string;
  /** The commands of a chain of relays, the client's first. */
  readonly relays?: readonly string[];
  /** Address that the server sees. The server itself is asked; an answer that differs fails the scenario's set-up. */
  readonly source?: string | undefined;
  /** Where it died. */
  readonly drop?: {
    readonly reason: string;
    readonly function?: RegExp;
    /** The last device that it was seen at. */
    readonly after?: string;
  };
  /** What the reason, or what it says of the cause (`why`), must contain. */
  readonly says?: RegExp;
  /** What its cause names, where that is not what a cause of its path names. */
  readonly decides?: RegExp;
}

/** One connection (or UDP flow) as its client knows it. */
export interface Sent {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Unique per connection. */
  readonly payload: string;
  readonly answered: boolean;
  /** Bytes that the client's socket has sent and received; null where the client cannot tell. */
  readonly bytes: {
    readonly fromClient: number;
    readonly fromServer: number;
  } | null;
  /** `address:port` of the client as the server saw it; null where no server answered. */
  readonly seen: string | null;
  /** Pids of the docker-proxies of its port, where they are others in the end. */
  readonly relays?: readonly number[];
  /** Where one scenario has connections of several kinds. */
  readonly truth?: Truth;
}

interface Told {
  readonly name: string;
  readonly truth: Truth;
  /** The truth in words, where `truth` alone does not tell it. */
  readonly told?: string;
  /** Rules change meanwhile: the prediction, made before the traffic, may differ. Else it must agree or not be able to tell. */
  readonly unpredictable?: true;
  /** Something decides that rules and sockets do not show, so the prediction is apart from what came. */
  readonly beyondRules?: {
    /** False where the prediction says another path, null where it does not speak of what became of it. */
    readonly agrees: false | null;
    readonly because: string;
  };
  /** The least proof that the verdict must have; `proven` unless a reason is given why this kernel cannot show more. */
  readonly atLeast?: {
    readonly proof: Exclude<Proof, 'proven'>;
    readonly because: string;
    /** Only where the kernel has skipped runs of probes. */
    readonly whenSkipped?: true;
  };
}

/** One connection from one place. */
export interface Dial extends Told {
  /** `host`, `client`, or a container's name. */
  readonly from: string;
  /** Address to dial; may hold places of the stage. */
  readonly to: string;
  readonly port: number;
  /** `redis` (TCP) unless told: see traffic.ts. */
  readonly talk?: 'redis' | 'udp' | 'read';
}

type Run = () => Promise<readonly Sent[]>;

/** Traffic of its own shape. */
export interface Play extends Told {
  /** Runs before the trace begins; what it returns runs within. */
  readonly play: (stage: Stage) => Promise<Run> | Run;
}

export type Scenario = Dial | Play;

/** Scenarios that share an engine; each entry of `traces` is one trace, and all of its scenarios run at once. */
export interface Group {
  /** Of the engine and its rules, as the table says it. */
  readonly name: string;
  readonly userlandProxy: boolean;
  readonly dockerdArguments?: readonly string[];
  readonly prepare: (lab: Lab) => Promise<readonly LabContainer[]>;
  /** Every port that is traced. */
  readonly ports: readonly number[];
  readonly traces: readonly (readonly Scenario[])[];
  /** Traces of other ports. */
  readonly further?: readonly {
    readonly ports: readonly number[];
    readonly scenarios: readonly Scenario[];
  }[];
}
