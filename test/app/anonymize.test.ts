/** Pseudonyms: nothing of the original is left in any output, and the verdicts are the same. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { anonymize } from '../../src/app/anonymize.js';
import { AddressPseudonyms } from '../../src/app/pseudonyms.js';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { canonicalAddress } from '../../src/model/address.js';
import { UserError } from '../../src/model/errors.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderJson } from '../../src/render/json.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { readCapture } from '../support/captures.js';
import { suite } from '../support/suite.js';

const test = suite('anonymize');
const KEY = Buffer.alloc(32, 7);
const OTHER = Buffer.alloc(32, 8);

const load = (name: string): Trace =>
  parseRecording(
    readFileSync(new URL(`../../../samples/${name}.ndjson`, import.meta.url), 'utf8'),
    name,
  );

const v4 = fc.ipV4();
const v6 = fc.ipV6().map((text) => canonicalAddress(text) ?? '::');

test('addresses: one pseudonym each, which no other has', () => {
  const pseudonyms = new AddressPseudonyms(KEY);
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.oneof(v4, v6), (a, b) => {
      const [one, other] = [pseudonyms.rename(a), pseudonyms.rename(b)];
      assert.is(one === other, canonicalAddress(a) === canonicalAddress(b));
      assert.is(one, pseudonyms.rename(a));
      assert.is(canonicalAddress(one ?? ''), one);
      assert.is(one?.includes(':'), canonicalAddress(a)?.includes(':'));
    }),
  );
});

test('addresses: those of one network stay in one, as long as they were together', () => {
  const pseudonyms = new AddressPseudonyms(KEY);
  const common = (a: string, b: string): number => {
    const [x, y] = [a, b].map((text) =>
      text
        .split('.')
        .map((byte) => Number(byte).toString(2).padStart(8, '0'))
        .join(''),
    );
    let length = 0;
    while (length < 32 && x?.[length] === y?.[length]) length += 1;
    return length;
  };
  fc.assert(
    fc.property(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255), (a, b, c, d) => {
      const [one, other] = [`10.${a}.${b}.7`, `10.${a}.${c}.${d}`];
      const renamed = [one, other].map((text) => pseudonyms.rename(text) ?? '');
      assert.is(common(renamed[0] ?? '', renamed[1] ?? ''), common(one, other));
    }),
  );
});

test('addresses: what names no host stays, a prefix length too, and other text is none', () => {
  const pseudonyms = new AddressPseudonyms(KEY);
  for (const text of [
    '127.0.0.1',
    '0.0.0.0',
    '::',
    '::1',
    '255.255.255.255',
    '224.0.0.1',
    'ff02::1',
  ]) {
    assert.is(pseudonyms.rename(text), text);
  }
  assert.match(pseudonyms.rename('172.17.0.1/16') ?? '', /^\d+\.\d+\.\d+\.\d+\/16$/);
  assert.match(pseudonyms.rename('fe80::42:acff:fe11:2') ?? '', /^fe80::/);
  for (const text of ['docker0', '', '1.2.3.4/5/6', 'tcp'])
    assert.is(pseudonyms.rename(text), null);
});

test('addresses: another key gives others', () => {
  const [one, other] = [KEY, OTHER].map((key) => new AddressPseudonyms(key).rename('198.51.100.2'));
  assert.is.not(one, other);
});

const SAMPLES = ['dnat-outside', 'proxy-loopback6', 'proxy-self', 'mixed-20', 'host', 'udp-proxy'];
for (const name of [...SAMPLES, 'relay-chain', 'dropped', 'no-neighbour']) {
  test(`${name}: the same verdicts, and no address or name of the original`, () => {
    const trace = load(name);
    const renamed = anonymize(trace, KEY);
    const [before, after] = [trace, renamed].map((one) =>
      analyse(one).connections.map(({ path, proof, outcome, nat, bytes }) =>
        JSON.stringify({ path, proof, outcome, hook: nat?.hook, bytes }),
      ),
    );
    assert.equal(after, before);
    const report = analyse(renamed);
    const texts = [formatRecording(renamed), renderJson(report), renderTerminal(report)].join('\n');
    for (const secret of listSecrets(trace)) {
      assert.not.ok(
        new RegExp(`(?<![\\w.:-])${secret.replaceAll('.', '\\.')}(?![\\w.:-])`).test(texts),
        secret,
      );
    }
    // The recording that is kept gives the same report.
    const again = analyse(parseRecording(formatRecording(renamed), 'again'));
    assert.equal(
      again.connections.map(({ client }) => client),
      report.connections.map(({ client }) => client),
    );
  });
}

/** Addresses that name a host, and names that somebody gave. */
function listSecrets({ header: { topology }, events }: Trace): Set<string> {
  const devices = topology.namespaces.flatMap((namespace) => namespace.devices);
  const ends = events.flatMap((event) =>
    'source' in event ? [event.source, event.destination] : [],
  );
  const addresses = [
    ...devices.flatMap((device) => device.addresses.map((text) => text.split('/')[0] ?? '')),
    ...ends.map(({ address }) => address),
  ];
  return new Set(
    [
      ...addresses.filter((text) => !/^(127\.|::1?$|0\.0\.0\.0$|ff)/.test(text)),
      ...topology.containers.flatMap(({ name, id }) => [name, id]),
      ...events.flatMap((event) => ('command' in event ? [event.command] : [])),
    ].filter((text) => !['docker-proxy', ''].includes(text)),
  );
}

test('names in sentences are renamed; a container may have the name of a word of ours', () => {
  const trace = load('dnat-outside');
  const [container] = trace.header.topology.containers;
  assert.ok(container);
  const { topology } = trace.header;
  const name = 'drop';
  const renamed = anonymize(
    {
      ...trace,
      header: { ...trace.header, topology: { ...topology, containers: [{ ...container, name }] } },
      tail: { ...trace.tail, notes: ['drop at 198.51.100.2: 12:30:01 raindrop'] },
    },
    KEY,
  );
  assert.match(
    renamed.tail.notes[0] ?? '',
    /^container-\d+ at \d+\.\d+\.\d+\.\d+: 12:30:01 raindrop$/,
  );
  assert.not.match(renamed.tail.notes[0] ?? '', '198.51');
  assert.equal(
    renamed.events.map(({ kind }) => kind),
    trace.events.map(({ kind }) => kind),
  );
});

test('pods, projects, sockets of users and names beside listeners are renamed too', () => {
  const trace = load('dnat-outside');
  const [container] = trace.header.topology.containers;
  assert.ok(container);
  const { topology } = trace.header;
  const compose = { project: 'secret-shop', service: 'secret-web' };
  const named = { ...container, name: 'secret-name', pod: 'secret-pod', compose };
  const local = { address: '0.0.0.0', port: 80 };
  const base = { namespace: 1, protocol: 'tcp', local, pid: 1, command: 'secret' } as const;
  const socket = '/run/user/4711/podman/podman.sock';
  const other = { product: 'podman', version: '5', address: socket, containers: 1 } as const;
  const engine = { version: '5', product: 'podman', address: socket } as const;
  const renamed = anonymize(
    {
      ...trace,
      header: {
        ...trace.header,
        topology: {
          ...topology,
          containers: [named],
          others: [other],
          engine,
          listeners: [{ ...base, container: 'secret-name' }],
        },
      },
    },
    KEY,
  );
  assert.not.match(JSON.stringify(renamed.header.topology), /secret|4711/);
  const [one] = renamed.header.topology.containers;
  assert.is(renamed.header.topology.listeners[0]?.container, one?.name);
});

test('what was final before a loss stays proven', () => {
  const name = '2026-11-30-checkpoints';
  const url = new URL(`../../../test/versions/fixtures/${name}.ndjson`, import.meta.url);
  const whole = parseRecording(readFileSync(url, 'utf8'), name);
  const lost: Trace = { ...whole, tail: { ...whole.tail, sealed: false, lostEvents: 3 } };
  const proofs = (trace: Trace): string[] => analyse(trace).connections.map(({ proof }) => proof);
  const { complete, ...tail } = lost.tail;
  assert.ok(complete);
  assert.ok(proofs(lost).includes('proven'));
  assert.not.ok(proofs({ ...lost, tail }).includes('proven'));
  assert.equal(proofs(anonymize(lost, KEY)), proofs(lost));
  assert.equal(anonymize(whole, KEY).tail.span, whole.tail.span);
});

test('a capture is refused: its packets would stay', async () => {
  const capture = await readCapture(['dnat-outside.pcap'], [6380]);
  assert.throws(
    () => anonymize(capture, KEY),
    (error: unknown) => error instanceof UserError && error.code === 'capture-stays',
  );
});

test.run();
