/** A live trace of the lab by the program's own app, with traffic as the test wants it. */
import {
  DEFAULT_REQUEST,
  type TraceRequest,
  type TraceResult,
} from '../../src/app/trace-request.js';
import { runTrace } from '../../src/app/trace.js';
import type { Lab } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';

export interface Traced extends TraceResult {
  readonly trace: Trace;
}

/** Where a trace looks: the lab, or another host with an engine. */
export interface Traceable {
  readonly host: Pick<Lab['host'], 'netns'>;
  readonly dockerHost: string | undefined;
}

/** Traces a host while `traffic` runs, which begins when the probes are live. */
export async function traceWhile(
  lab: Traceable,
  ports: readonly number[],
  traffic: () => Promise<void>,
  more: Partial<TraceRequest> = {},
): Promise<Traced> {
  const stop = new AbortController();
  let failure: unknown;
  let made: Trace | undefined;
  const result = await runTrace(
    {
      ...DEFAULT_REQUEST,
      query: { ports },
      netns: lab.host.netns,
      dockerHost: lab.dockerHost,
      ...more,
    },
    {
      progress: {
        starting: () => undefined,
        ready: () => {
          traffic()
            .catch((error: unknown) => (failure = error))
            .finally(() => stop.abort());
        },
        update: () => undefined,
        lost: () => undefined,
        ended: () => undefined,
        stopping: () => undefined,
        finished: () => undefined,
        warn: () => undefined,
      },
      onEvent: null,
      recorder: null,
      onConnection: null,
      wholeTrace: true,
      watches: false,
      stop: stop.signal,
      onReport: (_report, trace) => {
        made = trace;
        return Promise.resolve();
      },
    },
  );
  if (failure !== undefined) throw failure as Error;
  if (made === undefined) throw new Error('the trace made no report');
  return { ...result, trace: made };
}

/** The connections that a client dialled, by `address:port` of the server. */
export function connectionsTo(
  connections: readonly Connection[],
  client: string,
  address: string,
  port: number,
): Connection[] {
  return connections.filter(
    (one) =>
      one.client.address === client && one.server?.address === address && one.server.port === port,
  );
}
