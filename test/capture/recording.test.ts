/** Recordings are checked for sense as well as shape, and what makes none is named by line and field. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { isRecording, parseRecording } from '../../src/capture/recording.js';
import { UserError } from '../../src/model/errors.js';
import { suite } from '../support/suite.js';

const test = suite('recording');

const SAMPLES = fileURLToPath(new URL('../../../samples/', import.meta.url));
const lines = readFileSync(`${SAMPLES}dnat-outside.ndjson`, 'utf8').trim().split('\n');

type Json = Record<string, unknown>;

function readLine(index: number): Json {
  return JSON.parse(lines[index] ?? '') as Json;
}

/** The sample with one line in another form, and the note that it leaves. */
function readWith(index: number, line: unknown): { events: number; note: string } {
  const { events, tail } = parseRecording(lines.with(index, JSON.stringify(line)).join('\n'), 'x');
  assert.is(tail.truncated, true);
  assert.is(tail.sealed, false);
  return { events: events.length, note: tail.notes.join() };
}

const BROKEN: readonly [field: string, value: unknown, where: string][] = [
  ['source', { address: '198.51.100.256', port: 1 }, 'source.address: no address'],
  ['source', { address: 'localhost', port: 1 }, 'source.address: no address'],
  ['destination', { address: '::1', port: 65_536 }, 'destination.port: '],
  ['time', 1e300, 'time: '],
  ['time', 'now', 'time: '],
  ['id', 0, 'id: '],
  ['id', 2, 'id: 2 does not come after 2'],
  ['length', -1, 'length: '],
  ['time', 1.5, 'time: no whole number'],
  ['time', -1e308, 'time: no whole number'],
  ['seq', 2 ** 32, 'seq: '],
  ['direction', 'up', 'direction: '],
];

test('an event that makes no sense ends the recording, with line and field', () => {
  const index = lines.findIndex((line, at) => at > 2 && line.includes('"kind":"packet"'));
  for (const [field, value, where] of BROKEN) {
    const { events, note } = readWith(index, { ...readLine(index), [field]: value });
    assert.is(events, index - 1, where);
    assert.ok(note.includes(`x: line ${index + 1} is no event of a recording (${where}`), note);
  }
});

test('a line that is none at all has no field to name', () => {
  const { note } = readWith(3, 'text');
  assert.is(note, 'x: line 4 is no event of a recording; what follows was not read');
});

test('an end that makes no sense is none', () => {
  const end = readLine(lines.length - 1)['end'] as Json;
  const broken = [
    ['lostEvents', -1],
    ['unparsedPackets', 1.5],
    ['skippedRuns', -1],
  ] as const;
  for (const [field, value] of broken) {
    const { note } = readWith(lines.length - 1, { end: { ...end, [field]: value } });
    assert.ok(note.includes(`(end.${field}: `), note);
  }
});

test('addresses have one text, however they are written', () => {
  const event = { ...readLine(3), kind: 'reset', source: { address: '2001:DB8:0::1', port: 1 } };
  const { events } = parseRecording(
    lines.with(3, JSON.stringify(packetLike(event))).join('\n'),
    'x',
  );
  const [read] = events.slice(2);
  assert.is(read?.kind === 'reset' ? read.source.address : '', '2001:db8::1');
});

function packetLike(event: Json): Json {
  const end = { address: '192.0.2.1', port: 2 };
  const numbers = { seq: 0, ack: 0, flags: 0, length: 0, namespace: null, ifindex: null };
  return { destination: end, ...numbers, skb: null, socket: null, protocol: 'tcp', ...event };
}

test('a header that makes no sense is refused with its field', () => {
  const header = readLine(0);
  const target = header['target'] as Json;
  const topology = header['topology'] as Json & { namespaces: Json[] };
  const [host = {}] = topology.namespaces;
  const device = { ifindex: 1, name: 'x', kind: 'other', addresses: ['172.17.0.1/33'] };
  const namespace = {
    ...host,
    devices: [{ ...device, master: null, peerIfindex: null, peerNamespace: null }],
  };
  const cases: readonly [Json, RegExp][] = [
    [{ ...header, epoch: '1e9' }, /\(epoch: /],
    [{ ...header, client: 'here' }, /\(client: no address\)/],
    [{ ...header, target: { ...target, ports: [70_000] } }, /\(target\.ports\.0: /],
    [
      { ...header, topology: { ...topology, namespaces: [namespace] } },
      /\(topology\.namespaces\.0\.devices\.0\.addresses\.0: no address with a prefix length\)/,
    ],
  ];
  for (const [broken, where] of cases) {
    assert.throws(
      () => parseRecording(lines.with(0, JSON.stringify(broken)).join('\n'), 'x'),
      (error: unknown) =>
        error instanceof UserError && error.code === 'bad-recording' && where.test(error.message),
    );
  }
});

test('every sample is read whole', () => {
  for (const name of readdirSync(SAMPLES).filter((one) => one.endsWith('.ndjson'))) {
    const content = readFileSync(SAMPLES + name, 'utf8');
    const { events, tail } = parseRecording(content, name);
    assert.is(events.length, content.trim().split('\n').length - 2, name);
    assert.is(tail.truncated, false, name);
  }
});

test('a recording is known by its schema, however its JSON is spaced', () => {
  const header = lines[0] ?? '';
  const spaced = JSON.stringify(JSON.parse(header), null, 1).replaceAll('\n', ' ');
  assert.ok(isRecording(header) && isRecording(spaced) && isRecording(`\n${header}`));
  assert.not.ok(isRecording('{"schema":"trace-flow/1"}'), 'a report');
  assert.not.ok(isRecording('[{"schema":"trace-flow-events/1"}]'));
  assert.is(parseRecording([spaced, ...lines.slice(1)].join('\n'), 'x').events.length > 0, true);
});

test.run();
