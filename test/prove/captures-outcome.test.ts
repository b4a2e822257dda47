/** How captured connections ended: half-open handshakes, stalls, and what a capture that lacks packets leaves open. */
import * as assert from 'uvu/assert';
import { analyse } from '../../src/prove/analyse.js';
import type { Connection } from '../../src/model/report.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { ipPacket, PLAIN, writeCapture, type End, type Shot } from '../support/wire-packets.js';

const test = suite('captures, outcomes');

const CLIENT: End = { address: '198.51.100.2', port: 40_000 };
const SERVER: End = { address: '198.51.100.1', port: 8080 };
const BEHIND: End = { address: '172.17.0.2', port: 80 };
const FLAG = { SYN: 0x02, AGREE: 0x12, ACK: 0x10, DATA: 0x18, FIN: 0x11, RST: 0x04 } as const;
const REQUEST = 'GET / HTTP/1.0\r\n\r\n';
const MS = 1_000_000;

/** Milliseconds, who sends, flags, and payload bytes that were sent and received before. */
type Step = readonly [
  at: number,
  back: boolean,
  flags: number,
  text?: string,
  sent?: number,
  got?: number,
];

interface Place {
  readonly client?: End;
  readonly server?: End;
  readonly device?: string;
  readonly ttl?: number;
}

function record(steps: readonly Step[], place: Place = {}): Shot[] {
  const { client = CLIENT, server = SERVER, device = 'ext0', ttl = 64 } = place;
  const isn = client.port * 1000;
  return steps.map(([at, back, flags, text = '', sent = 0, got = 0], index) => {
    const opens = (flags & FLAG.SYN) !== 0;
    const [own, other] = back ? [isn + 7, isn] : [isn, isn + 7];
    return {
      time: at * MS,
      device,
      way: back ? 'out' : 'in',
      hardware: back ? '02:00:00:00:00:02' : '02:00:00:00:00:01',
      bytes: ipPacket({
        protocol: 'tcp',
        flags,
        payload: Buffer.from(text),
        ttl,
        id: 100 + index,
        seq: own + (opens ? 0 : 1 + sent),
        ack: flags === FLAG.SYN ? 0 : other + 1 + got,
        source: back ? server : client,
        destination: back ? client : server,
      }),
    };
  });
}

const SHAKE: readonly Step[] = [
  [0, false, FLAG.SYN],
  [0.1, true, FLAG.AGREE],
  [0.2, false, FLAG.ACK],
];
const HALF = SHAKE.slice(0, 2);
/** Another connection, complete and two seconds later: what shows that the file holds acknowledgements. */
const OTHER = record(
  SHAKE.map(([at, ...rest]): Step => [at + 2000, ...rest]),
  { client: { ...CLIENT, port: 41_000 } },
);

async function end(...shots: readonly (readonly Shot[])[]): Promise<Connection> {
  const all = shots.flat().sort((a, b) => a.time - b.time);
  const { connections } = analyse(await readTogether([writeCapture(all, PLAIN)]));
  const found = connections.find(({ client }) => client.port === CLIENT.port);
  if (!found) throw new Error('the connection is not there');
  return found;
}

const outcome = async (...shots: readonly (readonly Shot[])[]): Promise<string> =>
  (await end(...shots)).outcome;

test('a handshake that the client never acknowledges is unanswered, and it is said how far it got', async () => {
  const agreedAgain = record([...HALF, [1000, true, FLAG.AGREE], [3000, true, FLAG.AGREE]]);
  const dialledAgain = record([...HALF, [1000, false, FLAG.SYN], [1000.1, true, FLAG.AGREE]]);
  for (const shots of [agreedAgain, dialledAgain]) {
    const connection = await end(shots);
    assert.is(connection.outcome, 'unanswered');
    assert.match(connection.reason, /agreed \(SYN\+ACK\), .* never acknowledged that/);
  }
  assert.is(await outcome(record(HALF), OTHER), 'unanswered');
});

test('an acknowledgement that the file could not show is not missing', async () => {
  // Only SYNs were captured.
  const none = OTHER.filter(({ bytes }) => bytes[33] !== FLAG.ACK);
  assert.is(await outcome(record(HALF), none), 'answered');
  // It ends at once.
  assert.is(await outcome(record(HALF)), 'answered');
  // The program lost packets.
  const holed = record([...SHAKE, [3, true, FLAG.ACK, '', 0, 50]], {
    client: { ...CLIENT, port: 42_000 },
  });
  assert.is(await outcome(record(HALF), OTHER, holed), 'answered');
  // The client's direction is not in it.
  assert.is(await outcome(record(HALF.slice(1)), OTHER), 'answered');
  // The server speaks: it has been heard.
  for (const spoken of [
    [500, true, FLAG.DATA, 'hello'],
    [500, true, FLAG.FIN],
    [500, true, FLAG.ACK, '', 0, 9],
  ] as Step[]) {
    assert.is(await outcome(record([...HALF, spoken]), OTHER), 'answered');
  }
});

test('the client that answers SYN+ACK with a reset has left', async () => {
  assert.is(await outcome(record([...HALF, [0.2, false, FLAG.RST]]), OTHER), 'reset');
});

test('an answer from another address than was dialled is none', async () => {
  const near = record([
    [0, false, FLAG.SYN],
    [1000, false, FLAG.SYN],
  ]);
  const far = record(
    [
      [0.01, false, FLAG.SYN],
      [0.02, true, FLAG.AGREE],
      [1000.01, false, FLAG.SYN],
      [1000.02, true, FLAG.AGREE],
    ],
    { server: BEHIND, device: 'docker0', ttl: 63 },
  ).map((shot, index) => {
    // The same packets as before the rewriting.
    if (index % 2 === 0) shot.bytes.writeUInt16BE(100 + index / 2, 4);
    const sent = shot.way === 'in';
    const hardware = sent ? '02:42:00:00:00:01' : '02:42:ac:11:00:02';
    return { ...shot, hardware, way: sent ? ('out' as const) : ('in' as const) };
  });
  const connection = await end(near, far);
  assert.equal([connection.path, connection.outcome], ['dnat', 'unanswered']);
});

const ASKED: readonly Step[] = [...SHAKE, [1, false, FLAG.DATA, REQUEST]];
const again = (...times: number[]): Step[] =>
  times.map((at): Step => [at, false, FLAG.DATA, REQUEST]);

test('bytes that are sent again and again and never acknowledged: stalled, whoever sent them', async () => {
  assert.is(await outcome(record([...ASKED, ...again(201, 601, 1401)])), 'stalled');
  const size = REQUEST.length;
  const reply = (at: number): Step => [at, true, FLAG.DATA, 'HTTP/1.0 200 OK\r\n', 0, size];
  const answered: Step[] = [...ASKED, [2, true, FLAG.ACK, '', 0, size]];
  assert.is(await outcome(record([...answered, reply(3), reply(204), reply(604)])), 'stalled');
  // The direction of the acknowledgements need not be in the file: who has one does not send again.
  const oneWay = [...ASKED, ...again(201, 601, 1401)].filter(([, back]) => !back);
  assert.is(await outcome(record(oneWay)), 'stalled');
});

test('what is sent again and then acknowledged, goes on, or comes by at another device, is no stall', async () => {
  const size = REQUEST.length;
  const acknowledged: Step = [1500, true, FLAG.ACK, '', 0, size];
  const reply: Step = [1501, true, FLAG.DATA, 'HTTP/1.0 200 OK\r\n', 0, size];
  const repeated = [...ASKED, ...again(201, 601, 1401)];
  assert.is(await outcome(record([...repeated, acknowledged, reply])), 'answered');
  // Its acknowledgement was not captured, but the next bytes follow.
  const next: Step = [1500, false, FLAG.DATA, 'more', size];
  assert.is.not(await outcome(record([...repeated, next])), 'stalled');
  // Once sent again may only be late.
  assert.is.not(await outcome(record([...ASKED, ...again(201)])), 'stalled');
  // The same packets at other devices.
  const devices = ['veth1', 'docker0', 'veth2'].map((device, index) =>
    record(
      ASKED.map(([at, ...rest]): Step => [at + (index + 1) / 100, ...rest]),
      { device },
    ),
  );
  assert.is.not(await outcome(record(ASKED), ...devices), 'stalled');
  // A byte that was acknowledged asks whether the other side is there.
  const probe = (at: number): Step => [at, false, FLAG.ACK, '\n', size - 1];
  const idle = [...ASKED, [2, true, FLAG.ACK, '', 0, size] as Step, reply];
  const probes = [5000, 6000, 7000, 8000].map(probe);
  assert.is(await outcome(record([...idle, ...probes])), 'answered');
});

test.run();
