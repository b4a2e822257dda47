/** A receiver in a process of its own, which is told on its channel to say what has come, and goes away by being killed. */
import process from 'node:process';
import { Receiver } from './receiver.js';

/** What has come so far. */
export interface Arrived {
  /** Connections, each once. */
  readonly connections: number;
  /** Spans that stand for a connection. */
  readonly roots: number;
  /** Totals of the last metrics. */
  readonly counted: number;
  readonly dropped: number;
}

const receiver = await Receiver.start(Number(process.argv[2] ?? 0));

function sum(name: string): number {
  return receiver.points
    .filter((point) => point.name === name)
    .reduce((total, { value }) => total + (value ?? 0), 0);
}

process.on('message', () => {
  const roots = receiver.spans.filter(({ parentSpanId }) => parentSpanId === '');
  const arrived: Arrived = {
    connections: new Set(roots.map(({ traceId }) => traceId)).size,
    roots: roots.length,
    counted: sum('trace_flow.connections'),
    dropped: sum('trace_flow.otlp.dropped'),
  };
  process.send?.(arrived);
});
process.send?.({ port: receiver.port });
