/** NAT hooks that a trace with kprobes saw: the same verdict, and hops of their own between the devices. */
import * as assert from 'uvu/assert';
import { formatEndpoint } from '../../src/model/address.js';
import type { NatEvent, PacketEvent, TraceEvent } from '../../src/model/event.js';
import type { Trace } from '../../src/model/trace.js';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('NAT hooks');

type Hook = NatEvent['hook'];

/** What the kernel's hooks would have reported of this packet, beside docker0: before it leaves, after it came in. */
function hookEvent(packet: PacketEvent, request: Hook, reply: Hook): NatEvent | null {
  const { conntrack, direction, ...rest } = packet;
  if (conntrack === null) return null;
  const { original } = conntrack;
  return direction === 'out'
    ? {
        ...rest,
        kind: 'nat',
        time: packet.time - 1,
        hook: request,
        field: 'destination',
        becomes: packet.destination,
        destination: original.destination,
        conntrack,
      }
    : {
        ...rest,
        kind: 'nat',
        time: packet.time + 1,
        hook: reply,
        field: 'source',
        becomes: original.destination,
        conntrack,
      };
}

/** A sample as a kernel with kprobes would have given it. */
function withHooks(name: string, request: Hook, reply: Hook): Trace {
  const trace = readSample(name);
  const { topology } = trace.header;
  const host = topology.namespaces.find(({ inode }) => inode === topology.host);
  const bridge = host?.devices.find(({ name }) => name === 'docker0')?.ifindex;
  const events = trace.events
    .flatMap((event): TraceEvent[] => {
      if (event.kind !== 'packet' || event.ifindex !== bridge) return [event];
      if (event.namespace !== topology.host) return [event];
      const hooked = hookEvent(event, request, reply);
      return hooked ? [event, hooked] : [event];
    })
    .sort((a, b) => a.time - b.time)
    .map((event, index) => ({ ...event, id: index + 1 }));
  return { ...trace, events };
}

for (const [name, request, reply] of [
  ['dnat-outside', 'PREROUTING', 'POSTROUTING'],
  ['dnat-own-address', 'OUTPUT', 'INPUT'],
] as const) {
  test(`${name}: the same verdict, with ${request} and ${reply} where they happened`, () => {
    const [plain] = analyse(readSample(name), { hops: null }).connections;
    const trace = withHooks(name, request, reply);
    const report = analyse(trace, { hops: null });
    const [one, ...more] = report.connections;
    assert.ok(plain && one);
    assert.equal(more, []);
    for (const field of ['path', 'proof', 'outcome', 'nat', 'bytes', 'reason', 'client'] as const) {
      assert.equal(one[field], plain[field], field);
    }
    const dialled = formatEndpoint(one.server ?? { address: '', port: 0 });
    const target = formatEndpoint(one.container ?? { address: '', port: 0 });
    const first = one.hops.findIndex(({ kind }) => kind === 'nat');
    const hop = one.hops[first];
    assert.equal(hop?.rewrite, {
      hook: request,
      field: 'destination',
      from: dialled,
      to: target,
    });
    assert.is(hop?.destination, target);
    // It comes right before the bridge, which no longer counts as the place of the rewriting.
    assert.is(one.hops[first + 1]?.interface, 'docker0');
    assert.is(one.hops[first + 1]?.rewrite, null);
    const answers = one.hops.filter(({ kind, flow }) => kind === 'nat' && flow === 'reply');
    assert.ok(answers.length > 0);
    for (const answer of answers) {
      assert.is(answer.rewrite?.hook, reply);
      assert.is(answer.source, dialled);
    }
    const text = renderTerminal(report, { columns: 100, color: false });
    assert.match(text, /docker0/);
    assert.match(text, /NAT/);
    assert.match(text, new RegExp(`${request} dst`));
  });
}

test('the hook that was seen overrules the one that would be inferred', () => {
  const [one] = analyse(withHooks('dnat-outside', 'OUTPUT', 'INPUT'), { hops: null }).connections;
  assert.is(one?.nat?.hook, 'OUTPUT');
});

test('a hook that was not told for certain is no rewriting of a known hook', () => {
  const [one] = analyse(withHooks('dnat-outside', null, null), { hops: null }).connections;
  assert.is(one?.nat?.hook, 'PREROUTING');
  assert.is(one?.hops.find(({ kind }) => kind === 'nat')?.rewrite, null);
});

test('a recording keeps them', () => {
  const trace = withHooks('dnat-outside', 'PREROUTING', 'POSTROUTING');
  const again = parseRecording(formatRecording(trace), 'x');
  assert.equal(again.events, trace.events);
});

test.run();
