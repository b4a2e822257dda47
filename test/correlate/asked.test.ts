/** Which connections were asked for: the same questions where the host's places are known, and where they are not. */
import * as assert from 'uvu/assert';
import { createMatcher } from '../../src/correlate/asked.js';
import type { Leg } from '../../src/correlate/leg.js';
import type { OuterEvent, PacketEvent } from '../../src/model/event.js';
import type { TraceHeader } from '../../src/model/trace.js';
import { makeLeg } from '../support/legs.js';
import { suite } from '../support/suite.js';
import { talkThroughNat } from '../support/stories.js';

const test = suite('asked');

const { header } = talkThroughNat().trace();
const HOST = header.topology.host;
const PUBLISHED = { address: '198.51.100.1', port: 8080 };
const CONTAINER = { address: '172.17.0.2', port: 6379 };

const seenIn = (namespace: number | null): Leg['events'] => [{ namespace } as PacketEvent];
const leg = (more: Partial<Leg> = {}): Leg =>
  makeLeg({ server: PUBLISHED, destination: CONTAINER, events: seenIn(HOST), ...more });

function asks(more: Partial<TraceHeader['target']>, client: string | null = null): TraceHeader {
  const target: TraceHeader['target'] = {
    protocol: 'all',
    asked: [8080],
    ports: [8080, 6379],
    containers: [],
    addresses: [CONTAINER.address],
    mappings: [{ protocol: 'tcp', listens: PUBLISHED, target: CONTAINER }],
    ...more,
  };
  return { ...header, client, target };
}

const alone = { upstream: null, via: [] };

for (const places of ['known', 'unknown'] as const) {
  test(`places ${places}: port, protocol and client have to be those that were asked for`, () => {
    const one = { leg: leg(), ...alone };
    const matches = (wanted: TraceHeader): boolean => createMatcher(wanted, places)(one);
    assert.is(matches(asks({})), true);
    assert.is(matches(asks({ protocol: 'udp' })), false);
    assert.is(matches(asks({}, one.leg.client.address)), true);
    assert.is(matches(asks({}, '203.0.113.9')), false);
    assert.is(matches(asks({ asked: [9], ports: [9], addresses: [], mappings: [] })), false);
  });
}

test('on a host its own address and namespace count; in a capture any address with the port', () => {
  const elsewhere = { address: '203.0.113.7', port: 8080 };
  const known = createMatcher(asks({}), 'known');
  const unknown = createMatcher(asks({}), 'unknown');
  const foreign = { leg: leg({ server: elsewhere, destination: elsewhere }), ...alone };
  assert.is(known(foreign), false);
  assert.is(unknown(foreign), true);
  const outside = { leg: leg({ events: seenIn(999) }), ...alone };
  assert.is(known(outside), false);
  assert.is(unknown(outside), true);
});

test('in a capture the leg behind a relay counts, and a tunnel that was asked for by its port', () => {
  const host = { leg: leg({ server: PUBLISHED, destination: PUBLISHED }), via: [] };
  const inside = createMatcher(asks({ asked: [6379], mappings: [] }), 'unknown');
  assert.is(inside({ ...host, upstream: null }), false);
  assert.is(inside({ ...host, upstream: leg({ server: CONTAINER }) }), true);
  const named = createMatcher(asks({ containers: ['redis'] }), 'unknown');
  assert.is(named({ ...host, upstream: null }), false, 'not the address of the container');
  assert.is(named({ ...host, upstream: leg({ server: CONTAINER }) }), true);
  const tunnel = createMatcher(asks({ asked: [4789], mappings: [] }), 'unknown');
  const passed = {
    kind: 'vxlan',
    id: 1,
    from: '198.18.0.1',
    to: '198.18.0.2',
    port: 4789,
  } as const;
  assert.is(tunnel({ ...host, upstream: null }), false);
  assert.is(tunnel({ ...host, upstream: null, via: [passed] }), true);
  assert.is(tunnel({ ...host, upstream: null, via: [{ ...passed, port: null }] }), false);
});

test('a container that speaks to the port over a network beside the host is asked for, unless others were named', () => {
  const [container] = header.topology.containers;
  assert.ok(container?.namespace);
  const remote = { address: '10.0.1.2', port: 8080 };
  const events = seenIn(container.namespace);
  const beside = { leg: leg({ server: remote, destination: remote, events }), ...alone };
  const none = { addresses: [], mappings: [] };
  assert.is(createMatcher(asks(none), 'known')(beside), true);
  assert.is(createMatcher(asks({ ...none, asked: [9] }), 'known')(beside), false);
  assert.is(createMatcher(asks({ ...none, byName: true }), 'known')(beside), false);
  const own = { address: '198.51.100.1', port: 8080 };
  const toHost = { ...beside, leg: { ...beside.leg, server: own } };
  assert.is(
    createMatcher(asks({ addresses: [], mappings: [], asked: [9] }), 'known')(toHost),
    false,
  );
  // The tunnel's own packet passes the host, with the connection in it.
  const tunnel = [{ kind: 'outer', namespace: HOST } as OuterEvent];
  const inside = { ...beside, leg: { ...beside.leg, events: [...events, ...tunnel] } };
  assert.is(createMatcher(asks({}), 'known')(inside), true);
  const over = { ...beside, leg: { ...beside.leg, events: [...events, ...seenIn(HOST)] } };
  assert.is(createMatcher(asks({}), 'known')(over), false, 'what passes the host is judged by it');
  const nowhere = { ...beside, leg: { ...beside.leg, events: seenIn(999) } };
  assert.is(createMatcher(asks(none), 'known')(nowhere), false);
});

test.run();
