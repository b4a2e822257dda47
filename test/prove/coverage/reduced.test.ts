/** A trace that listed fewer packets for a while: what it says of that, and which connections it concerns. */
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/model/report.js';
import type { Trace } from '../../../src/model/trace.js';
import { analyse } from '../../../src/prove/analyse.js';
import { IncrementalAnalysis } from '../../../src/prove/incremental.js';
import { writeCoverage } from '../../../src/words/coverage.js';
import { PACKER } from '../../../src/app/packer.js';
import { readSample } from '../../support/samples.js';
import { suite } from '../../support/suite.js';

const test = suite('fewer packets listed');

const SECOND = 1_000_000_000;
const sample = readSample('dnat-outside');
const end = sample.events.at(-1)?.time ?? 0;
const span = { from: 0, to: end + 9 * SECOND };

/** The sample with changes of the budget: seconds before or after its last event, and the budget. */
function change(changes: readonly (readonly [second: number, budget: number])[]): Trace {
  const last = sample.events.at(-1)?.id ?? 0;
  const told = changes.map(([second, budget], index) => ({
    kind: 'budget' as const,
    id: last + 1 + index,
    time: end + second * SECOND,
    budget,
  }));
  const events = [...sample.events, ...told].sort((a, b) => a.time - b.time);
  return {
    ...sample,
    header: { ...sample.header, budget: 16 },
    events,
    tail: { ...sample.tail, span },
  };
}

function analyseInPieces({ header, events, tail }: Trace): Report {
  const analysis = new IncrementalAnalysis(header, { hops: 64, budget: 16, packer: PACKER });
  for (const event of events) analysis.take(event);
  analysis.advance(null);
  return analysis.finish({ source: 'recording', header, sums: [], tail }).report;
}

function unlistedOf({ connections }: Report): (readonly number[] | undefined)[] {
  return connections.map(({ unlistedLegs }) => unlistedLegs);
}

test('a connection while fewer packets were listed may have had more; the report tells how long', () => {
  const trace = change([
    [-60, 1],
    [2, 16],
    [5, 2],
  ]);
  for (const report of [analyse(trace, { hops: 64 }), analyseInPieces(trace)]) {
    assert.equal(unlistedOf(report), [[0]]);
    assert.equal(report.coverage.reduced, { packets: 1, duration: 66 * SECOND });
    assert.is(report.verdict.proof, 'proven');
    const { warnings } = writeCoverage(report);
    assert.match(
      warnings.join(),
      /^for 66\S* s connections came too fast to list every packet: only the first packet of /,
    );
  }
});

test('one before or after that had not', () => {
  for (const changes of [
    [[5, 1]],
    [
      [-60, 1],
      [-50, 16],
    ],
  ] as const) {
    const trace = change(changes);
    for (const report of [analyse(trace, { hops: 64 }), analyseInPieces(trace)]) {
      assert.equal(unlistedOf(report), [undefined]);
      assert.ok(report.coverage.reduced);
    }
  }
  const report = analyse(change([]), { hops: 64 });
  assert.is(report.coverage.reduced, undefined);
  assert.not.match(writeCoverage(report).warnings.join(), 'too fast');
});

test.run();
