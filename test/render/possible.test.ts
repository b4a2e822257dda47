/** Every drawing is true: each rewriting, drop and move of every sample is possible in its set-up. */
import * as assert from 'uvu/assert';
import type { Hop, Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { CAPTURES, readCapture } from '../support/captures.js';
import { listImpossible } from '../support/possible.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('drawn things');

for (const name of Object.keys(TRUTHS)) {
  test(`${name}: all that is drawn is possible`, () => {
    const trace = readSample(name);
    for (const hops of [null, 64, 9]) {
      assert.equal(listImpossible(plain(analyse(trace, { hops })), trace), [], `${hops} hops`);
    }
  });
}

for (const [name, { files, ports }] of Object.entries(CAPTURES)) {
  test(`capture ${name}: all that is drawn is possible`, async () => {
    const trace = await readCapture(files, ports);
    const report = plain(analyse(trace, { hops: null }));
    assert.equal(listImpossible(report, trace), []);
    assert.equal(listOdd(report), []);
  });
}

/** In all captures of samples a DNAT rule leads to a container, and none leads from one. */
function listOdd({ connections }: Report): string[] {
  const isContainers = (end: string): boolean => /^172\.17\.0\.(?!1:)/.test(end);
  return connections.flatMap(({ hops }) =>
    hops.flatMap(({ event, rewrite, flow }) => {
      if (!rewrite || rewrite.field !== (flow === 'request' ? 'destination' : 'source')) return [];
      const [outer, inner] =
        flow === 'request' ? [rewrite.from, rewrite.to] : [rewrite.to, rewrite.from];
      return isContainers(inner) && !isContainers(outer)
        ? []
        : [`event ${event}: ${outer}, ${inner}`];
    }),
  );
}

/** As a document has it: of captures hops are made when they are looked at. */
function plain(report: Report): Report {
  return JSON.parse(JSON.stringify(report)) as Report;
}

/** A report with one of its hops changed must not pass. */
function refuses(name: string, change: (hop: Hop) => Partial<Hop> | null, pattern: RegExp): void {
  test(`${name}: refused, ${pattern.source}`, () => {
    const trace: Trace = readSample(name);
    const report = plain(analyse(trace, { hops: null }));
    let changed = false;
    const connections = report.connections.map((connection) => ({
      ...connection,
      hops: connection.hops.map((hop) => {
        const other = changed ? null : change(hop);
        changed ||= other !== null;
        return { ...hop, ...other };
      }),
    }));
    assert.ok(changed);
    assert.match(listImpossible({ ...report, connections }, trace).join('\n'), pattern);
  });
}

const flip = ({ rewrite }: Hop): Partial<Hop> | null =>
  rewrite && { rewrite: { ...rewrite, from: rewrite.to, to: rewrite.from } };
refuses('dnat-outside', flip, /but 198/);
refuses('dnat-outside', (hop) => hop.rewrite && { flow: 'reply' }, /on a reply/);
refuses('dnat-outside', (hop) => hop.rewrite && { journey: undefined }, /at once/);
refuses('dropped', (hop) => (hop.kind === 'drop' ? { rewrite: null } : null), /is not told/);
refuses(
  'dropped',
  (hop) => (hop.drop ? { drop: { ...hop.drop, reason: 'NO_SOCKET' } } : null),
  /no such drop/,
);
refuses('dropped', (hop) => (hop.kind === 'drop' ? { kind: 'packet' } : null), /told to be a drop/);
refuses('proxy-loopback', (hop) => (hop.kind === 'relay' ? { bytes: 99 } : null), /were moved/);
refuses(
  'proxy-loopback',
  (hop) => (hop.kind === 'relay' ? { time: '9' + hop.time } : null),
  /later/,
);
refuses('proxy-loopback', (hop) => (hop.kind === 'relay' ? { flow: 'reply' } : null), /before/);
refuses(
  'dnat-outside',
  (hop) => (hop.journey?.id === 2 ? { journey: { ...hop.journey, id: 1 } } : null),
  /is several/,
);

test.run();
