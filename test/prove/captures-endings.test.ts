/** How connections end, from seeds: the outcome of each is known by how it was made, alone and behind a rewriting. */
import * as assert from 'uvu/assert';
import { analyse } from '../../src/prove/analyse.js';
import { randomizer } from '../decode/frames.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { playEndings, type Told } from '../support/wire-endings.js';
import { ipPacket, PLAIN, writeCapture, type Shot } from '../support/wire-packets.js';

const test = suite('captures, endings');

const SEEDS = Number(process.env['TRACE_FLOW_WIRE_SEEDS'] ?? 300);
/** The first of them; another one to go on where an earlier run ended. */
const FIRST = Number(process.env['TRACE_FLOW_WIRE_FIRST'] ?? 0);

async function tell(shots: readonly Shot[]): Promise<string[]> {
  const { connections } = analyse(await readTogether([writeCapture(shots, PLAIN)]));
  return connections.map(
    ({ client, path, proof, outcome }) => `${client.port} ${path}/${proof} ${outcome}`,
  );
}

const expect = (told: readonly Told[], path: string): string[] =>
  told.map(({ client, outcome }) => `${client.port} ${path} ${outcome}`);

test('every kind of end is told as it was, and a rewriting is proven whatever the end', async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { shots, told, rewritten } = playEndings(seed);
    const path = rewritten ? 'dnat/proven' : 'unknown/inconclusive';
    const kinds = told.map(({ kind }) => kind).join();
    assert.equal(await tell(shots), expect(told, path), `seed ${seed}: ${kinds}`);
  }
});

test('begun in the midst or with losses: no rewriting that is not, and no refusal or reset that was not', async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const random = randomizer(seed);
    for (let i = 0; i < 8; i++) random(2);
    const { shots, told, rewritten } = playEndings(seed);
    const harmed =
      random(2) === 0 ? shots.slice(random(shots.length)) : shots.filter(() => random(5) > 0);
    if (harmed.length === 0) continue;
    for (const line of await tell(harmed)) {
      const [port, path = '', outcome] = line.split(' ');
      const own = told.filter(({ client }) => String(client.port) === port);
      const lie = `seed ${seed}: ${line} of ${own.map(({ kind }) => kind).join()}`;
      assert.ok(path.startsWith('unknown') || (rewritten && path.startsWith('dnat')), lie);
      if (outcome !== 'reset' && outcome !== 'refused' && outcome !== 'stalled') continue;
      assert.ok(
        own.some((one) => one.outcome === outcome || isLike(one, outcome)),
        lie,
      );
    }
  }
});

/** A reset whose answer, or whose SYN, is not there may be either. */
function isLike({ outcome }: Told, told: string): boolean {
  return (outcome === 'reset' || outcome === 'refused') && (told === 'reset' || told === 'refused');
}

test('a capture that begins with a reset: it ended the connection only where its sender went on no more', async () => {
  const client = { address: '198.51.100.2', port: 40_000 };
  const server = { address: '198.51.100.1', port: 8080 };
  const make = (flags: number, seq: number, back: boolean, payload = ''): Buffer =>
    ipPacket({
      protocol: 'tcp',
      source: back ? server : client,
      destination: back ? client : server,
      seq,
      ack: back ? 500 : 900,
      flags,
      payload: Buffer.from(payload),
    });
  const reset = make(0x04, 123_456_789, true);
  const request = make(0x18, 500, false, 'PING');
  const answer = make(0x18, 900, true, 'PONG');
  const told = async (packets: readonly Buffer[]): Promise<string> => {
    const place = { device: 'eth0', way: 'in' as const, hardware: '02:00:00:00:00:01' };
    const shots = packets.map((bytes, at) => ({ ...place, time: 1_000_000 * at, bytes }));
    const { connections } = analyse(await readTogether([writeCapture(shots, PLAIN)]));
    return connections.map(({ outcome }) => outcome).join();
  };
  assert.is(await told([reset, request, answer]), 'answered');
  assert.is(await told([reset, request]), 'reset');
  assert.is(await told([reset]), 'reset');
});

test.run();
