/** Every record of the probes, read from lines that the real bpftrace printed. */
import * as assert from 'uvu/assert';
import { readAsideKey } from '../../src/capture/bpftrace/asides.js';
import { createLineReader, type TracerLine } from '../../src/capture/bpftrace/lines.js';
import { readHopKey, readTotalKey, splitTotal } from '../../src/capture/bpftrace/map-keys.js';
import { suite } from '../support/suite.js';
import { BEGIN, LINES, MARK } from './samples.js';

const test = suite('lines');

function createReader(littleEndian = true) {
  const dropReasons = new Map([
    [3, 'NO_SOCKET'],
    [12, 'NETFILTER_DROP'],
  ]);
  const reader = createLineReader({ dropReasons, littleEndian, mark: MARK });
  reader.read(BEGIN);
  return reader;
}

function read(line: string): TracerLine {
  return createReader().read(line);
}

function readEvent(line: string) {
  const result = read(line);
  if (result.kind !== 'event') throw new Error(`not an event: ${line}`);
  return result.event;
}

const end = (address: string, port: number) => ({ address, port });

test('a packet inside a tunnel', () => {
  const event = {
    kind: 'outer',
    time: 0x9379346764 - 0x5b05ee00000,
    namespace: 0xf000027e,
    ifindex: 2,
    skb: 'ffff8881bd310ce0',
    socket: null,
    protocol: 'tcp',
    source: end('10.9.0.1', 49_924),
    destination: end('10.9.0.2', 6379),
    seq: 0x701d17fe,
    ack: 0,
    flags: 2,
    length: 0,
    direction: 'out',
    tunnel: { kind: 'vxlan', id: 4097, from: '198.18.0.1', to: '198.18.0.2' },
  };
  assert.equal(readEvent(LINES.inVxlan), event);
  const line = (word: string): string => LINES.inVxlan.replace(/\S+$/, word);
  assert.equal(readEvent(line('40200ffffff')), {
    ...event,
    tunnel: { ...event.tunnel, kind: 'geneve', id: 0xffffff },
  });
  const six = line('60100001001').replace(
    '10012c6 0 20012c6 0',
    '90000fd 100000000000000 90000fd 2',
  );
  assert.equal(readEvent(six), {
    ...event,
    tunnel: { ...event.tunnel, from: 'fd00:9::1', to: 'fd00:9:0:0:200::' },
  });
  for (const wrong of [
    line('40300001001'),
    line('40000001001'),
    LINES.inVxlan.replace('out', 'by'),
  ]) {
    assert.is(read(wrong).kind, 'other', wrong);
  }
});

test('a packet', () => {
  assert.equal(readEvent(LINES.bare), {
    kind: 'packet',
    time: 0x5b05f7aa981 - 0x5b05ee00000,
    namespace: 0xeffffff9,
    ifindex: 1,
    skb: 'ffff8881689e88e0',
    socket: 'ffff88810321dc80',
    protocol: 'tcp',
    source: end('127.0.0.1', 51_874),
    destination: end('127.0.0.1', 42_763),
    seq: 0x3ef0d8fd,
    ack: 0,
    flags: 2,
    length: 0,
    direction: 'out',
    conntrack: null,
  });
});

test('a packet with its conntrack entry', () => {
  const event = readEvent(LINES.conntrack);
  if (event.kind !== 'packet') throw new Error(event.kind);
  assert.is(event.direction, 'in');
  assert.is(event.socket, null);
  assert.equal(event.destination, end('127.0.0.1', 23_456));
  assert.equal(event.conntrack, {
    id: 'ffff888167f71200',
    status: 0x1a8,
    original: { source: end('127.0.0.1', 35_894), destination: end('127.0.0.1', 8080) },
    reply: { source: end('127.0.0.1', 23_456), destination: end('127.0.0.1', 35_894) },
  });
});

test('a UDP datagram', () => {
  const event = readEvent(
    'P in 5b0ba08e53d f000015100000001 ffff8881a13fc100 0 9000411 100007f 0 100007f 0 d8365ba0 0',
  );
  if (event.kind !== 'packet') throw new Error(event.kind);
  assert.equal([event.protocol, event.length, event.flags], ['udp', 9, 0]);
});

test('IPv6, in the packet and in conntrack', () => {
  const event = readEvent(
    'P out 5b0602373b6 f000015100000001 ffff888134169ee0 ffff88810a314440 20606 0 100000000000000 0 100000000000000 dcb25ba0 1f590d7e00000000 ffff888167f71000 1a8 0 100000000000000 0 100000000000000 0 100000000000000 0 100000000000000 dcb21f905ba0dcb2',
  );
  if (event.kind !== 'packet') throw new Error(event.kind);
  assert.equal(event.source, end('::1', 56_498));
  assert.equal(event.conntrack?.original.destination, end('::1', 8080));
  const other = LINES.bare.replace(' 20406 100007f 0 ', ' 20606 b80d0120 200000000000000 ');
  const packet = readEvent(other);
  if (packet.kind !== 'packet') throw new Error(packet.kind);
  assert.is(packet.source.address, '2001:db8::2');
});

test('drops, with and without conntrack', () => {
  const dropped = readEvent(LINES.drop);
  if (dropped.kind !== 'drop') throw new Error(dropped.kind);
  assert.is(dropped.reason, 'NETFILTER_DROP');
  assert.is(dropped.function, 'nft_do_chain');
  assert.is(dropped.conntrack?.original.destination.port, 8082);
  assert.is(dropped.mtu, 65_536);
  const refused = readEvent(LINES.bareDrop);
  if (refused.kind !== 'drop') throw new Error(refused.kind);
  assert.equal([refused.reason, refused.function], ['NO_SOCKET', 'tcp_v4_rcv']);
  assert.is(refused.conntrack, null);
});

test('a drop of an unnamed reason, in a function with an offset, of a packet without a device', () => {
  const line = LINES.bareDrop
    .replace('00000003 tcp_v4_rcv', '00050001 tcp_v4_rcv+12')
    .replace(' effffff900000001 ', ' 7 ');
  const event = readEvent(line);
  if (event.kind !== 'drop') throw new Error(event.kind);
  assert.equal([event.reason, event.function], ['reason 327681', 'tcp_v4_rcv']);
  assert.equal([event.namespace, event.ifindex], [null, null]);
});

test('a drop before any device has its socket’s namespace, and no MTU without a route', () => {
  const line = LINES.bareDrop
    .replace(' effffff900000001 ', ' effffff900000000 ')
    .replace(' 1000000000003 ', ' 3 ');
  const event = readEvent(line);
  if (event.kind !== 'drop') throw new Error(event.kind);
  assert.equal([event.namespace, event.ifindex, event.mtu], [0xeffffff9, null, null]);
});

test('a reset', () => {
  const event = readEvent(LINES.reset);
  if (event.kind !== 'reset') throw new Error(event.kind);
  assert.equal(event.destination, end('127.0.0.1', 38_517));
});

test('a state change, an accept and a retransmit', () => {
  assert.equal(readEvent(LINES.state), {
    kind: 'state',
    time: 0x5b05feb2735 - 0x5b05ee00000,
    namespace: 0xf0000151,
    pid: 0x1c2,
    tid: 0x1c2,
    command: 'node',
    socket: 'ffff888132b365c0',
    local: end('127.0.0.1', 0),
    remote: end('127.0.0.1', 8080),
    from: 7,
    to: 2,
  });
  const closed = readEvent(LINES.closed);
  if (closed.kind !== 'state') throw new Error(closed.kind);
  assert.equal([closed.from, closed.to, closed.remote], [5, 7, end('198.51.100.1', 8080)]);
  // The FIN that came counts as the eighth byte received.
  assert.equal(closed.sums, {
    sent: 14,
    sentAgain: 0,
    acknowledged: 16,
    received: 7,
    segmentsSent: 6,
    segmentsReceived: 4,
    retransmits: 0,
  });
  const repeats = readEvent(
    LINES.closed.replace(' e 0 10 8 600000004 1 ', ' 1c e 10 8 600000004 4 '),
  );
  if (repeats.kind !== 'state') throw new Error(repeats.kind);
  assert.is(repeats.sums?.sent, 14);
  assert.is(repeats.sums?.sentAgain, 14);
  assert.is(repeats.sums?.received, 8);
  assert.is(repeats.sums?.retransmits, 2);
  const accepted = readEvent(LINES.accept);
  if (accepted.kind !== 'accept') throw new Error(accepted.kind);
  assert.equal([accepted.command, accepted.fd, accepted.tid], ['docker-proxy', 3, 0x1d7]);
  assert.equal(accepted.remote, end('127.0.0.1', 60_668));
  const six = readEvent(LINES.accept6);
  if (six.kind !== 'accept') throw new Error(six.kind);
  assert.equal(six.local, end('::1', 23_456));
  const again = readEvent(LINES.retransmit);
  if (again.kind !== 'retransmit') throw new Error(again.kind);
  assert.equal([again.state, again.remote.port], [2, 8082]);
});

test('bytes that were spliced and bytes that were copied', () => {
  const moved = readEvent(LINES.move);
  if (moved.kind !== 'move') throw new Error(moved.kind);
  assert.equal(moved.fds, [11, 5]);
  assert.equal([moved.bytes, moved.total, moved.calls], [5, 5, 1]);
  assert.equal(moved.from, {
    socket: 'ffff888132b34a00',
    local: end('127.0.0.1', 8081),
    remote: end('127.0.0.1', 60_668),
  });
  assert.equal(moved.to.remote, end('127.0.0.1', 23_456));
  for (const [line, operation] of [
    [LINES.write, 'write'],
    [LINES.read, 'read'],
  ] as const) {
    const copied = readEvent(line);
    if (copied.kind !== 'copy') throw new Error(copied.kind);
    assert.equal([copied.operation, copied.bytes, copied.fd], [operation, 5, 0x16]);
    assert.is(copied.command, 'node');
  }
});

test('the names of tasks: spaces, escapes, forged records', () => {
  const named = (command: string): string => {
    const reader = createReader();
    const last = LINES.state
      .replace('node', command)
      .split('\n')
      .map((line) => reader.read(line))
      .at(-1);
    return last?.kind === 'event' && 'command' in last.event ? last.event.command : '';
  };
  assert.is(named('Web Content'), 'Web Content');
  assert.is(named('a\nB 1'), String.raw`a\x0aB 1`);
  assert.is(named('\nE 1f\n'), String.raw`\x0aE 1f\x0a`);
  assert.is(named('x\nLost 5 events'), String.raw`x\x0aLost 5 events`);
  assert.is(named('caf\xc3\xa9'), String.raw`caf\xc3\xa9`);
  assert.is(named('fifteen_letters'), 'fifteen_letters');
  assert.is(named(' 1 2 3 P in 4'), ' 1 2 3 P in 4');
  assert.is(named('. .'), '. .');
  assert.is(named('Lost 5 events'), 'Lost 5 events');
  assert.is(named(''), '');
});

test('a name that is broken into lines ends with the mark of this trace only', () => {
  const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: '5eed' });
  reader.read(BEGIN);
  const line = LINES.state.replace('node .', 'a 5eee');
  assert.is(reader.read(line).kind, 'other');
  const whole = reader.read('E 1 5eed');
  assert.ok(whole.kind === 'event' && whole.event.kind === 'state');
  assert.is(
    whole.kind === 'event' && 'command' in whole.event && whole.event.command,
    String.raw`a 5eee\x0aE 1`,
  );
  // No task has such a name: the line is given up, and those that follow are read.
  assert.is(reader.read(line.replace('a 5eee', 'x'.repeat(40))).kind, 'other');
  assert.is(reader.read('E 1f').kind, 'end');
});

test('words are in the order of the machine', () => {
  const big = createReader(false);
  const line = (address: string) =>
    `P in 5b05fec7af8 100000001 1 0 ${address} ${address.slice(address.indexOf(' ') + 1)} 8c365ba0 100000000`;
  const addressOf = (text: string): string => {
    const result = big.read(text);
    return result.kind === 'event' && result.event.kind === 'packet'
      ? result.event.source.address
      : '';
  };
  assert.is(addressOf(line('20406 7f000001 0')), '127.0.0.1');
  assert.is(addressOf(line('20606 20010db800000000 2')), '2001:db8::2');
  const state = big.read(
    'S 5b05feb2735 100000702 100000001 1 0 7f0000010000ffff 0 ac1100020000ffff 1f90 x .',
  );
  if (state.kind !== 'event' || state.event.kind !== 'state') throw new Error(state.kind);
  assert.equal(state.event.remote, end('172.17.0.2', 8080));
});

test('a line that is cut, or has too many fields, is no event', () => {
  for (const line of Object.values(LINES)) {
    const fields = line.split(' ');
    for (let length = 1; length < fields.length; length += 1) {
      const cut = read(fields.slice(0, length).join(' '));
      // What ends where its conntrack entry would begin looks whole; child.ts reads no line without its end.
      const whole = line === LINES.conntrack ? 13 : line === LINES.drop ? 14 : 0;
      assert.is(cut.kind, length === whole ? 'event' : 'other', `${length}: ${line}`);
    }
  }
  assert.is(read(`${LINES.bare} 0`).kind, 'other');
  assert.is(read(`${LINES.reset} 0`).kind, 'other');
});

test('what a server reads and writes elsewhere, and calls whose bytes are not followed', () => {
  const unix =
    'O w 5b05ffe0a73 703 1c2000001c3 5 2 ffff888132b365c0 ffff888132b369c0 0 0 0 0 0 web .';
  const task = { pid: 0x1c2, tid: 0x1c3, command: 'web' };
  const common = { kind: 'aside', ...task };
  const told = (line: string): unknown => {
    const result = read(line);
    if (result.kind !== 'event') return result.kind;
    const { time, ...event } = result.event;
    assert.type(time, 'number');
    return event;
  };
  assert.equal(told(unix), {
    ...common,
    what: 'unix',
    operation: 'write',
    fd: 7,
    bytes: 5,
    calls: 2,
    object: 'ffff888132b365c0',
    peer: 'ffff888132b369c0',
    local: null,
    remote: null,
  });
  const socket = unix
    .replace('O w', 'O r')
    .replace(' 703 ', ' 704 ')
    .replace(' 0 0 0 0 0 ', ' 0 100007fffff0000 0 100007fffff0000 8c360016 ');
  assert.equal(told(socket), {
    ...common,
    what: 'socket',
    operation: 'read',
    fd: 7,
    bytes: 5,
    calls: 2,
    object: 'ffff888132b365c0',
    peer: 'ffff888132b369c0',
    local: { address: '127.0.0.1', port: 0x8c36 },
    remote: { address: '127.0.0.1', port: 22 },
  });
  const call = 'Q 5b05ffe0a73 1c2000001c3 8 1 web .';
  assert.equal(told(call), {
    ...common,
    what: 'io_uring',
    operation: 'call',
    fd: null,
    bytes: 0,
    calls: 1,
    object: '0',
    peer: '0',
    local: null,
    remote: null,
  });
  for (const bad of [unix.replace('O w', 'O c'), unix.replace(' 703 ', ' 7ff ')]) {
    assert.is(told(bad), 'other', bad);
  }
});

test('calls elsewhere that were counted only', () => {
  const line = read('@asides[450, -131386493941248, 50]: 17');
  if (line.kind !== 'map') throw new Error(line.kind);
  assert.equal(readAsideKey(line.keys, Number(line.value)), {
    kind: 'aside',
    what: 'unix',
    operation: 'write',
    pid: 450,
    tid: 450,
    command: '',
    fd: null,
    bytes: 0,
    calls: 17,
    object: 'ffff888132b34a00',
    peer: '0',
    local: null,
    remote: null,
    sum: true,
  });
  assert.is(readAsideKey([450n, 0n], 1), null);
  assert.is(readAsideKey([450n, 0n, 0xff3n], 1), null);
});

test('a field that is no number spoils the line', () => {
  assert.is(read(LINES.bare.replace('5b05f7aa981', '0x5b05')).kind, 'other');
  assert.is(read(LINES.bare.replace(' 20406 ', ' -20406 ')).kind, 'other');
  assert.is(read(LINES.reset.replace('5b05fd67182', '')).kind, 'other');
  assert.is(read(LINES.bare.replace('P out', 'P up')).kind, 'other');
  assert.is(read(LINES.write.replace('Y w', 'Y x')).kind, 'other');
});

test('BEGIN, END, and time that stays exact after years of uptime', () => {
  const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: MARK });
  assert.equal(reader.read('B 7fffffffffff0000'), { kind: 'begin', clock: 0x7fffffffffff0000n });
  const result = reader.read(LINES.bare.replace('5b05f7aa981', '7fffffffffff0001'));
  assert.is(result.kind === 'event' && result.event.time, 1);
  assert.equal(reader.read('E 4b8cb60d6d4'), { kind: 'end', clock: 0x4b8cb60d6d4n });
  for (const line of ['B', 'B ', 'B x', 'B 1 2', 'E', 'E 0x1', 'B 11111111111111111']) {
    assert.is(reader.read(line).kind, 'other', line);
  }
});

test('how many lines were printed, and since when which budget has held', () => {
  const count = { before: 0x10, printed: 0x20, after: 0x11 };
  const [before, after] = [0x5b05ee00010, 0x5b05ee00011].map((time) => time.toString(16));
  assert.equal(read(`C ${before} 20 ${after}`), { kind: 'count', count, budget: null });
  assert.equal(read(`C ${before} 20 ${after} 10 0`), { kind: 'count', count, budget: null });
  assert.equal(read(`C ${before} 20 ${after} 1 ${before}`), {
    kind: 'count',
    count,
    budget: { since: 0x10, budget: 1 },
  });
  assert.is(read(`C ${before} 20 ${after} 1 x`).kind, 'other');
  assert.is(read(`C ${before} 20 ${after} 1 2 3`).kind, 'other');
});

test('losses in the words of each bpftrace', () => {
  assert.equal(read('Lost 90 events'), { kind: 'lost', count: 90 });
  assert.equal(read('WARNING: Lost 1 events'), { kind: 'lost', count: 1 });
  assert.is(read('S Lost 5 events').kind, 'other');
});

test('maps, whose keys are signed and whose END leaves empty lines', () => {
  assert.equal(read('@printed: 165'), { kind: 'map', map: 'printed', keys: [], value: 165n });
  const total = read('@total[-131386493941248, -131386493931776, -4956110646638678788]: 5');
  if (total.kind !== 'map') throw new Error(total.kind);
  assert.equal(readTotalKey(total.map, total.keys), {
    operation: 'move',
    from: { socket: 'ffff888132b34a00', localPort: 47_928, remotePort: 23_456 },
    to: { socket: 'ffff888132b36f00', localPort: 8081, remotePort: 60_668 },
  });
  const written = read('@written[-131386493934144, 2352357264]: 5');
  if (written.kind !== 'map') throw new Error(written.kind);
  assert.equal(readTotalKey(written.map, written.keys), {
    operation: 'write',
    from: { socket: 'ffff888132b365c0', localPort: 35_894, remotePort: 8080 },
    to: null,
  });
  for (const line of ['', '@read', '@read[]: 1', '@read[1,]: 1', '@read[-]: 1', '@read[1]: x']) {
    assert.is(read(line).kind, 'other', line);
  }
  assert.is(readTotalKey('total', [1n, 2n]), null);
  assert.is(readTotalKey('elsewhere', [1n, 2n]), null);
});

test('sums that are told when sockets have closed', () => {
  const pair = read('U 4b8c9952c12 ffff888132b34a00 ffff888132b36f00 bb385ba01f91ecfc 5');
  if (pair.kind !== 'event') throw new Error(pair.kind);
  const { time } = pair.event;
  assert.equal(pair.event, {
    kind: 'total',
    operation: 'move',
    time,
    bytes: 5,
    from: { socket: 'ffff888132b34a00', localPort: 47_928, remotePort: 23_456 },
    to: { socket: 'ffff888132b36f00', localPort: 8081, remotePort: 60_668 },
  });
  const own = read('V w 4b8c9952c12 ffff888132b365c0 8c361f90 2 1f');
  if (own.kind !== 'event') throw new Error(own.kind);
  assert.equal(own.event, {
    kind: 'total',
    operation: 'write',
    time,
    bytes: 31,
    to: null,
    from: { socket: 'ffff888132b365c0', localPort: 35_894, remotePort: 8080, life: 2 },
  });
  assert.is(read('V x 4b8c9952c12 ffff888132b365c0 8c361f90 2 1f').kind, 'other');
  assert.is(read('U 4b8c9952c12 ffff888132b34a00 ffff888132b36f00 bb385ba01f91ecfc').kind, 'other');
});

test('spliced bytes stand above the count of calls, whatever the sign of the printed number', () => {
  assert.equal(splitTotal((14n << 20n) | 17n), { total: 14, calls: 17 });
  assert.equal(splitTotal(0xfffffn), { total: 0, calls: 0xfffff });
  assert.is(splitTotal(BigInt.asIntN(64, 0xfff_ffff_ffffn << 20n)).total, 0xfff_ffff_ffff);
});

test('the key of a counter: an IPv6 network address is none of IPv4', () => {
  const ports = (family: bigint, input: bigint): bigint =>
    (51_874n << 32n) | (6379n << 16n) | (family << 12n) | (input << 8n) | 6n;
  const hop = (0xf0000151n << 32n) | 3n;
  assert.equal(readHopKey([hop, 0x100007fn, 0n, 0x20011acn, 0n, ports(4n, 0n)], true), {
    namespace: 0xf0000151,
    ifindex: 3,
    direction: 'out',
    protocol: 'tcp',
    source: end('127.0.0.1', 51_874),
    destination: end('172.17.0.2', 6379),
  });
  const six = readHopKey([hop, 0xb80d0120n, 0n, 0n, 1n << 56n, ports(6n, 1n)], true);
  assert.equal(six?.source, end('2001:db8::', 51_874));
  assert.equal(six?.destination, end('::1', 6379));
  assert.is(six?.direction, 'in');
  const big = readHopKey([hop, 0x7f000001n, 0n, 0xac110002n, 0n, ports(4n, 1n)], false);
  assert.is(big?.destination.address, '172.17.0.2');
  assert.is(readHopKey([hop, 1n, 2n, 3n, 4n], true), null);
});

test("bpftrace's own talk is nothing", () => {
  for (const line of [
    'Attaching 29 probes...',
    'ERROR: Unknown error -1: couldn\'t set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, you can try "ulimit -l 8192" to fix the problem',
    'stdin:467:71-72: WARNING: Addrspace mismatch',
    '    ~~~~~',
  ]) {
    assert.equal(read(line), { kind: 'other', text: line });
  }
});

test.run();
