/** What one run of bpftrace hands over: the changes of the budget, each once, and not before the trace has opened. */
import * as assert from 'uvu/assert';
import { TracerRun } from '../../src/capture/bpftrace/run.js';
import { SealWatch } from '../../src/capture/bpftrace/seal.js';
import type { TraceEvent } from '../../src/model/event.js';
import { suite } from '../support/suite.js';

const test = suite('run');

function start(): { readonly run: TracerRun; readonly events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  const formats = {
    tracepoints: new Set<string>(),
    functions: new Set<string>(),
    dropReasons: new Map<number, string>(),
    listed: true,
  };
  const run = new TracerRun(formats, new SealWatch([], []), {
    budget: 16,
    mark: 'x',
    onEvent: (event) => events.push(event),
    onLost: () => undefined,
  });
  run.read('B 1000');
  return { run, events };
}

const budgetsOf = (events: readonly TraceEvent[]) =>
  events.map((event) => event.kind === 'budget' && [event.time, event.budget]);

test('each change once, however often it is told', () => {
  const { run, events } = start();
  run.open({ time: 0 });
  for (const line of ['C 1010 0 1011 10 0', 'C 1020 0 1021 1 1015', 'C 1030 0 1031 1 1015']) {
    run.read(line);
  }
  run.read('C 1040 0 1041 10 1035');
  run.close();
  assert.equal(budgetsOf(events), [
    [0x15, 1],
    [0x35, 16],
  ]);
  assert.is(run.received, 0, 'they are not lines of the program that are counted');
});

test('one from before the trace has opened holds from then on', () => {
  const { run, events } = start();
  run.read('C 1020 0 1021 1 1015');
  run.open({ time: 0x18 });
  run.read('C 1030 0 1031 1 1015');
  run.close();
  assert.equal(budgetsOf(events), [[0x18, 1]]);
});

test.run();
