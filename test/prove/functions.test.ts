/** Kernel functions that first packets went through: reported with their connection, without effect on verdicts. */
import * as assert from 'uvu/assert';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { keepRelevant } from '../../src/correlate/relevant.js';
import {
  TCP,
  type FunctionEvent,
  type NetfilterHook,
  type PacketEvent,
} from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('functions');

type Step = readonly [name: string, hook?: NetfilterHook];

const ROUTED: readonly Step[] = [
  ['ip_rcv'],
  ['nf_hook_slow', 'PREROUTING'],
  ['ip_forward'],
  ['nf_hook_slow', 'FORWARD'],
];

/** The sample as a kernel whose functions are probed would have given it: `steps` behind every device that lets a SYN in. */
function withFunctions(name: string, steps: readonly Step[]): Trace {
  const trace = readSample(name);
  const events = trace.events
    .flatMap((event) => {
      const opens = event.kind === 'packet' && (event.flags & TCP.SYN) !== 0;
      if (!opens || event.direction !== 'in') return [event];
      const passed = steps.map(([called, hook = null], at): FunctionEvent => {
        const place = { time: event.time + at + 1, function: called, hook };
        return { ...fieldsOf(event), kind: 'function', ...place };
      });
      return [event, ...passed];
    })
    .map((event, index) => ({ ...event, id: index + 1 }));
  return { ...trace, events };
}

function fieldsOf(event: PacketEvent): Omit<FunctionEvent, 'kind' | 'function' | 'hook'> {
  const { id, time, namespace, ifindex, skb, socket } = event;
  const { protocol, source, destination, seq, ack, flags, length } = event;
  const packet = { protocol, source, destination, seq, ack, flags, length };
  return { id, time, namespace, ifindex, skb, socket, ...packet };
}

/** What is said without the functions, and without the numbers of events, which they shift. */
function withoutFunctions(connections: readonly Connection[]): unknown {
  return connections.map(({ drop, hops, evidence, ...rest }) => ({
    ...rest,
    functions: undefined,
    drop: drop && { ...drop, hook: undefined },
    hops: hops.map((hop) => ({ ...hop, event: 0 })),
    evidence: evidence.map(({ events, ...claim }) => ({ ...claim, events: events.length })),
  }));
}

for (const name of Object.keys(TRUTHS)) {
  test(`${name}: functions change nothing else`, () => {
    const plain = analyse(readSample(name)).connections;
    const report = analyse(withFunctions(name, ROUTED));
    assert.equal(withoutFunctions(report.connections), withoutFunctions(plain));
  });
}

test('each function is told once, where it was entered and for which way of which leg', () => {
  const [one] = analyse(withFunctions('proxy-loopback', ROUTED)).connections;
  const told = (one?.functions ?? []).map(
    ({ leg, flow, namespace, interface: device, hook, function: called }) =>
      [leg, flow, namespace, device, hook ?? called].join(' '),
  );
  const four = (place: string): string[] =>
    ['ip_rcv', 'PREROUTING', 'ip_forward', 'FORWARD'].map((step) => `${place} ${step}`);
  assert.equal(told.slice(0, 8), [
    ...four('client request host lo'),
    ...four('client reply host lo'),
  ]);
  assert.ok(told.includes('container request redis eth0 ip_rcv'));
  assert.is(new Set(told).size, told.length);
});

test('the terminal names hooks by their names, a line for each way through a namespace', () => {
  const report = analyse(withFunctions('dnat-outside', ROUTED));
  const text = renderTerminal(report, { columns: 80, color: false });
  assert.match(text, /^kernel: functions and hooks that first packets went through$/m);
  assert.match(text, /^ {6}request, host: ip_rcv PREROUTING ip_forward FORWARD/m);
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
});

test('a drop is told with the hook whose rules were asked last', () => {
  const report = analyse(withFunctions('dropped', ROUTED));
  assert.is(report.connections[0]?.drop?.hook, 'FORWARD');
  assert.match(
    renderTerminal(report, { columns: 200, color: false }),
    /dropped: NETFILTER_DROP at \w+ in FORWARD after/,
  );
  const passed = analyse(withFunctions('dropped', [...ROUTED, ['ip_local_deliver']]));
  assert.is(passed.connections[0]?.drop?.hook, undefined);
  assert.is(analyse(readSample('dropped')).connections[0]?.drop?.hook, undefined);
});

test('a recording keeps them, and what is no business of the trace goes', () => {
  const trace = withFunctions('dnat-outside', ROUTED);
  const again = parseRecording(formatRecording(trace), 'dnat-outside');
  assert.equal(analyse(again).connections, analyse(trace).connections);
  const count = (events: Trace['events']): number =>
    events.filter(({ kind }) => kind === 'function').length;
  const { topology } = trace.header;
  assert.is(count(keepRelevant(trace.events, topology)), count(trace.events));
  const stray = trace.events.map((event) =>
    event.kind === 'function' ? { ...event, seq: event.seq + 1_000_000 } : event,
  );
  assert.is(count(keepRelevant(stray, topology)), 0);
  assert.equal(analyse({ ...trace, events: stray }).connections[0]?.functions, []);
});

test.run();
