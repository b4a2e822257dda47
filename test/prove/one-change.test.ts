/**
 * Sample traces and captures that lack one kind of thing: what is then said of each connection (test/golden/lacking).
 * What is missing is never zero: nothing is proven that was something else in the whole trace.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import type { PacketEvent, TraceEvent } from '../../src/model/event.js';
import { TCP } from '../../src/model/event.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { countPackets, keepPackets, moveClock, swapHalves } from '../support/capture-edit.js';
import { CAPTURES, captureFile, readBytes } from '../support/captures.js';
import { compareGolden } from '../support/golden.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('what lacks one thing');

/** Connections that are told, of samples of many: the rest is more of the same. */
const MOST = 6;

function tell(name: string, { connections }: Report): string[] {
  return [`== ${name}`, ...connections.slice(0, MOST).map(writeConnection)];
}

function writeConnection(one: Connection): string {
  const { client, server, container, path, proof, outcome, nat, relay, drop, bytes, end } = one;
  const ends = [client, server, container].map((at) => (at ? `${at.address} ${at.port}` : '?'));
  const facts = [
    `${ends.join(' → ')}: ${path} ${proof} ${outcome}`,
    nat && `${nat.hook ?? '?'} ${nat.original} / ${nat.reply}`,
    relay && `by ${relay.command ?? '?'} ${relay.client?.port ?? '?'}`,
    drop && `${drop.reason} ${drop.function ?? '?'} after ${drop.after ?? '?'}`,
    `${bytes.fromClient} B, ${bytes.fromServer} B`,
    `${end?.by ?? '?'} ${end?.how ?? '?'}`,
    `${one.hops.length + one.hopsOmitted} hops`,
    one.evidence.map(({ holds }) => (holds === null ? '?' : holds ? '+' : '-')).join(''),
    one.reason,
  ];
  return facts.filter(Boolean).join(' | ');
}

/** A path that is proven of less was the path of the whole. */
function checkProven(name: string, whole: Report, part: Report): void {
  for (const { client, path, proof } of part.connections) {
    if (proof !== 'proven') continue;
    const own = whole.connections.filter(
      (one) => one.client.port === client.port || one.relay?.client?.port === client.port,
    );
    const known = own.some((one) => one.path === path || one.proof !== 'proven');
    assert.ok(known || own.length === 0, `${name}: ${client.port} ${path}`);
  }
}

const isPacket = (event: TraceEvent): event is PacketEvent => event.kind === 'packet';
const without =
  (...kinds: TraceEvent['kind'][]) =>
  (event: TraceEvent): boolean =>
    !kinds.includes(event.kind);

/** What is left of the events of a trace. */
const LACKING: Readonly<Record<string, (event: TraceEvent, trace: Trace) => boolean>> = {
  whole: () => true,
  packets: without('packet'),
  'socket states': without('state'),
  accepts: without('accept'),
  'calls that move bytes': without('move', 'copy'),
  'ways elsewhere': without('aside'),
  'counts at the end': without('counter', 'total'),
  drops: without('drop'),
  SYNs: (event) => !isPacket(event) || (event.flags & TCP.SYN) === 0,
  acknowledgements: (event) => !isPacket(event) || event.length > 0 || (event.flags & TCP.SYN) > 0,
  'what the client sends': (event, { header }) =>
    !isPacket(event) || !header.target.ports.includes(event.destination.port),
  'what comes back': (event, { header }) =>
    !isPacket(event) || !header.target.ports.includes(event.source.port),
  'packets of the host': (event, { header }) =>
    !isPacket(event) || event.namespace !== header.topology.host,
  'packets elsewhere': (event, { header }) =>
    !isPacket(event) || event.namespace === header.topology.host,
};

for (const name of Object.keys(TRUTHS)) {
  test(`${name}, without one kind of event`, () => {
    const trace = readSample(name);
    const whole = analyse(trace);
    const lines: string[] = [];
    for (const [what, keeps] of Object.entries(LACKING)) {
      const events = trace.events.filter((event) => keeps(event, trace));
      if (what !== 'whole' && events.length === trace.events.length) continue;
      // Such a trace has lost events, and says so.
      const tail = { ...trace.tail, lostEvents: trace.events.length - events.length };
      const report = analyse({ ...trace, events, tail });
      if (events.length > 0) checkProven(`${name} without ${what}`, whole, report);
      lines.push(...tell(what, report));
    }
    const plain = trace.events.map((event) =>
      'conntrack' in event ? { ...event, conntrack: null } : event,
    ) as TraceEvent[];
    const tail = { ...trace.tail, lostEvents: 1 };
    lines.push(...tell('conntrack', analyse({ ...trace, events: plain, tail })));
    assert.is(compareGolden(`lacking/${name}.txt`, `${lines.join('\n')}\n`), null);
  });
}

for (const [name, { files, ports }] of Object.entries(CAPTURES)) {
  test(`capture ${name}, without some packets`, async () => {
    const [file = ''] = files;
    const raw = readFileSync(captureFile(file));
    const bytes = file.endsWith('.gz') ? gunzipSync(raw) : raw;
    const count = countPackets(bytes);
    // Where there are few each may be missing; of many some at the beginning, in the midst and at the end.
    const places = count <= 24 ? [...Array(count).keys()] : [0, 1, 2, count >> 1, count - 2];
    const edited: Record<string, Buffer> = {
      whole: bytes,
      'its first half': keepPackets(bytes, (index) => index < count >> 1),
      'its second half': keepPackets(bytes, (index) => index >= count >> 1),
      'every other one': keepPackets(bytes, (index) => index % 2 === 0),
      'the halves swapped': swapHalves(bytes),
      ...Object.fromEntries(
        places.map((place) => [`all but ${place}`, keepPackets(bytes, (index) => index !== place)]),
      ),
      ...(file.endsWith('.pcap') ? { 'an hour later': moveClock(bytes, 3600) } : {}),
    };
    const lines: string[] = [];
    for (const [what, content] of Object.entries(edited)) {
      const report = analyse(await readBytes(content, ports));
      lines.push(...tell(what, report));
    }
    assert.is(compareGolden(`lacking/capture-${name}.txt`, `${lines.join('\n')}\n`), null);
  });
}

test.run();
