/** No verdict on an incomplete trace is wrong: events lost, seals broken, files cut off. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import type { TraceEvent } from '../../src/model/event.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { readSample, truthOf, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('never wrong');

/** What a socket becomes when its process dials. */
const TCP_SYN_SENT = 2;

const names = Object.keys(TRUTHS).filter((name) => name !== 'mixed-20');

/** What the kernel sees in softirq, where a probe that was interrupted keeps the others from running. */
function maySkip(event: TraceEvent): boolean {
  if (event.kind === 'state') return event.to !== TCP_SYN_SENT;
  return ['packet', 'drop', 'reset', 'nat', 'retransmit'].includes(event.kind);
}

/** Holds for every trace of this traffic, however much of it is missing. */
function checkNotWrong(name: string, trace: Trace, mayBeProven: boolean): void {
  for (const one of analyse(trace).connections) {
    const { path } = truthOf(name, one);
    assert.ok(one.path === path || one.path === 'unknown', `${name}: ${one.path}, ${one.reason}`);
    if (one.path === 'unknown') assert.is(one.proof, 'inconclusive');
    if (!mayBeProven) assert.is.not(one.proof, 'proven', `${name}: ${one.reason}`);
  }
}

for (const name of names) {
  test(`${name}: events lost at random`, () => {
    const trace = readSample(name);
    fc.assert(
      fc.property(fc.array(fc.nat(trace.events.length - 1), { minLength: 1 }), (lost) => {
        const gone = new Set(lost);
        const events = trace.events.filter((_, index) => !gone.has(index));
        const tail = { ...trace.tail, lostEvents: gone.size, sealed: false };
        checkNotWrong(name, { ...trace, events, tail }, false);
      }),
      { numRuns: 150 },
    );
  });

  test(`${name}: packets that the kernel skipped, though nothing else was lost`, () => {
    const trace = readSample(name);
    const truths = new Map(analyse(trace).connections.map((one) => [one.client.port, one]));
    fc.assert(
      fc.property(fc.array(fc.nat(trace.events.length - 1), { minLength: 1 }), (lost) => {
        const gone = new Set(lost);
        const events = trace.events.filter((event, at) => !gone.has(at) || !maySkip(event));
        const told = analyse({ ...trace, events, tail: { ...trace.tail, skippedRuns: gone.size } });
        for (const one of told.connections) {
          const { path } = truthOf(name, one);
          assert.ok(one.path === path || one.path === 'unknown', `${one.path}, ${one.reason}`);
          if (one.proof !== 'proven') continue;
          const truth = truths.get(one.client.port)?.outcome;
          // Of a segment that was sent again and again, one drop that was seen is true as well.
          const isPart = truth === 'stalled' && one.outcome === 'dropped';
          if (!isPart) assert.is(one.outcome, truth, one.reason);
        }
      }),
      { numRuns: 150 },
    );
  });

  test(`${name}: one whole kind of event lost, or one probe blind`, () => {
    const trace = readSample(name);
    const kinds = [...new Set(trace.events.map(({ kind }) => kind))];
    const blind: ((event: TraceEvent) => boolean)[] = [
      ...kinds.map((kind) => (event: TraceEvent) => event.kind !== kind),
      (event) => event.kind !== 'packet' || event.direction !== 'in',
      (event) => event.kind !== 'packet' || event.direction !== 'out',
      (event) => event.kind !== 'packet' || event.conntrack === null,
    ];
    for (const keeps of blind) {
      const events = trace.events.filter(keeps);
      const tail = { ...trace.tail, lostEvents: 1, sealed: false };
      checkNotWrong(name, { ...trace, events, tail }, false);
    }
  });

  test(`${name}: the trace began in mid-connection`, () => {
    const trace = readSample(name);
    for (let from = 1; from < trace.events.length; from += 1) {
      checkNotWrong(name, { ...trace, events: trace.events.slice(from) }, true);
    }
  });

  test(`${name}: the recording is cut off`, () => {
    const text = formatRecording(readSample(name));
    for (let part = 1; part < 10; part += 1) {
      const header = text.indexOf('\n') + 1;
      const cut = text.slice(0, header + Math.floor(((text.length - header) * part) / 10));
      const trace = parseRecording(cut, name);
      assert.ok(trace.tail.truncated);
      checkNotWrong(name, trace, false);
    }
  });
}

/** The sample of a chain of relays as it is when the kernel skipped all that followed the first relay's dial. */
function hideDialled(alsoCalls: boolean): Trace {
  const trace = readSample('relay-chain');
  const hidden = new Set(
    trace.events.flatMap((event) =>
      event.kind === 'state' && event.command === 'socat' && event.to === TCP_SYN_SENT
        ? [event.socket]
        : [],
    ),
  );
  const events = trace.events.filter((event) => {
    if (event.kind === 'state') return event.to === TCP_SYN_SENT || !hidden.has(event.socket);
    if (!alsoCalls) return true;
    // Nothing was said yet, and no packet was seen behind the first relay.
    if (event.kind === 'packet') {
      return event.length === 0 && [event.source.port, event.destination.port].includes(7001);
    }
    return !['copy', 'total', 'move'].includes(event.kind);
  });
  return { ...trace, events, tail: { ...trace.tail, skippedRuns: 5 } };
}

test('the calls of a relay name the socket that it dialled, where the skipped runs hide what followed the dial', () => {
  const [one] = analyse(hideDialled(false)).connections;
  assert.equal([one?.path, one?.proof], ['relay', 'proven']);
  assert.is(one?.relays?.length, 2);
});

test('a relay that has moved nothing, and whose dialled socket the skipped runs hide, is still no server of the host', () => {
  const [one] = analyse(hideDialled(true)).connections;
  assert.equal([one?.path, one?.proof], ['relay', 'likely']);
  assert.match(one?.reason ?? '', 'the kernel skipped 5 runs of packet probes');
});

test('a server whose reads and answer were lost is not told as a relay for what it dialled', () => {
  const trace = readSample('asks-database');
  const server = 7200;
  const events = trace.events.filter(
    (event) =>
      !(event.kind === 'copy' && event.local.port === server) &&
      !(event.kind === 'packet' && event.source.port === server && event.length > 0),
  );
  const tail = { ...trace.tail, lostEvents: trace.events.length - events.length, sealed: false };
  checkNotWrong('asks-database', { ...trace, events, tail }, false);
});

test('lost events or a broken seal: nothing is proven, and the reason says why', () => {
  for (const name of Object.keys(TRUTHS)) {
    const trace = readSample(name);
    const lossy = analyse({ ...trace, tail: { ...trace.tail, lostEvents: 3, sealed: false } });
    assert.is.not(lossy.verdict.proof, 'proven', name);
    assert.ok(lossy.connections.every(({ reason }) => reason.includes('3 events were lost')));
    const note = 'the last seal is broken: drop of our own connection did not come through';
    const unsealed = analyse({ ...trace, tail: { ...trace.tail, sealed: false, notes: [note] } });
    assert.is.not(unsealed.verdict.proof, 'proven', name);
    assert.ok(
      unsealed.connections.every(({ reason }) => reason.includes('the last seal is broken')),
    );
  }
});

test('a rewritten packet beside a dial to another address is no proof that nothing rewrote it', () => {
  const trace = readSample('refused-dnat');
  const lost = new Set([16, 18, 19, 20, 25, 26]);
  const events = trace.events.filter(({ id }) => !lost.has(id));
  const tail = { ...trace.tail, lostEvents: lost.size, sealed: false };
  checkNotWrong('refused-dnat', { ...trace, events, tail }, false);
});

test.run();
