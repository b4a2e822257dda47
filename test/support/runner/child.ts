/** The process of one test file: imports it under uvu's deferred queue, runs the queue, and reports to the runner. */
import './defer.js';
import { pathToFileURL } from 'node:url';
import { registry } from '../suite.js';
import { describeError } from './describe.js';
import { judgeFile, type Failure, type UvuResult } from './judge.js';

/** What a child tells the runner, in this order; `stray` is an error that belongs to no test. */
export type Message =
  | { type: 'start'; title: string }
  | { type: 'stray'; failure: Failure }
  | { type: 'done'; report: ReturnType<typeof judgeFile>; handles: string[] };

type QueuedSuite = () => Promise<UvuResult>;

const { UVU_QUEUE: queue } = globalThis as unknown as { UVU_QUEUE: [[null, ...QueuedSuite[]]] };

/** Runs FILE and sends one `done` message; whatever keeps this process alive after that is a leak. */
async function runChild(file: string, requireLive: boolean): Promise<void> {
  const onRejection = reportStray('unhandled rejection');
  const onException = reportStray('uncaught exception');
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  process.on('disconnect', exitOrphaned);
  process.channel?.unref();
  registry.onStart = (suite, test) => {
    send({ type: 'start', title: `${suite} › ${test}` });
  };

  await import(pathToFileURL(file).href).catch(reportStray('the file does not load'));
  const results: (UvuResult | Error)[] = [];
  for (const run of queue[0].slice(1) as QueuedSuite[]) {
    results.push(await run().catch((error: unknown) => new Error('rejected', { cause: error })));
  }
  await new Promise((resolve) => setImmediate(resolve)); // a rejection of the last test surfaces

  const report = judgeFile(registry.suites, results, requireLive);
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onException);
  process.off('disconnect', exitOrphaned);
  send({ type: 'done', report, handles: process.getActiveResourcesInfo() }, () => {
    process.disconnect();
  });
}

function reportStray(title: string): (error: unknown) => void {
  return (error) => {
    send({ type: 'stray', failure: { title, detail: describeError(error) } });
  };
}

function exitOrphaned(): void {
  process.exit(1);
}

function send(message: Message, sent: () => void = () => undefined): void {
  process.send?.(message, sent);
}

await runChild(process.argv[2] ?? '', process.argv[3] === 'true');
