/** Open sockets as `ss` tells them, from lines that it really printed. */
import * as assert from 'uvu/assert';
import { TCP_STATE } from '../../src/model/event.js';
import type { RunCommand } from '../../src/host/command.js';
import { parseOpenSockets, readOpenSockets } from '../../src/host/open-sockets.js';
import { suite } from '../support/suite.js';

const test = suite('open sockets');

const ESTABLISHED =
  'ESTAB 0      7      172.31.0.2:6379 198.51.100.2:42612 bbr wscale:10,10 rto:204 rtt:0.061/0.029 ato:40 mss:1448 ' +
  'pmtu:1500 rcvmss:536 advmss:1448 cwnd:138 bytes_sent:24101 bytes_retrans:7 bytes_acked:24087 bytes_received:48188 ' +
  'segs_out:3443 segs_in:3445 data_segs_out:3442 retrans:0/3 rcv_space:14480';

test('bytes are counted once, and repeats apart', () => {
  assert.equal(parseOpenSockets(ESTABLISHED, 5), [
    {
      namespace: 5,
      state: TCP_STATE.ESTABLISHED,
      local: { address: '172.31.0.2', port: 6379 },
      remote: { address: '198.51.100.2', port: 42612 },
      sums: {
        sent: 24094,
        sentAgain: 7,
        acknowledged: 24087,
        received: 48188,
        segmentsSent: 3443,
        segmentsReceived: 3445,
        retransmits: 3,
      },
    },
  ]);
});

test('what ss leaves out is 0, and a FIN is no byte of payload', () => {
  const line =
    'CLOSE-WAIT 1 0 [::ffff:172.17.0.2]:6379 [::ffff:198.51.100.2]:42612 bytes_received:15 segs_in:4';
  const [socket] = parseOpenSockets(line, 5);
  assert.is(socket?.local.address, '172.17.0.2');
  assert.is(socket?.sums.received, 14);
  assert.is(socket?.sums.sent, 0);
  assert.is(socket?.sums.retransmits, 0);
});

test('IPv6 with a device, and lines that are none', () => {
  const line = 'ESTAB 0 0 [fe80::1]%eth0:6379 [fe80::2]%eth0:42612 bytes_sent:1';
  assert.equal(parseOpenSockets(line, 5)[0]?.remote, { address: 'fe80::2', port: 42612 });
  for (const odd of [
    '',
    'LISTEN 0 1 *:6379 *:*',
    'ESTAB 0 0 x y',
    'TIME-WAIT 0 0 1.2.3.4:1 1.2.3.4:2',
  ]) {
    assert.equal(parseOpenSockets(odd, 5), [], odd);
  }
});

test('each namespace is asked for the ports at either end; one that cannot be entered tells nothing', async () => {
  const asked: string[] = [];
  const run: RunCommand = async (command, parameters) => {
    asked.push([command, ...parameters].join(' '));
    const denied = parameters[0] === '--net=/b';
    return Promise.resolve({
      ok: !denied,
      stdout: denied ? '' : ESTABLISHED,
      stderr: '',
      failure: denied ? 'exit' : null,
      message: '',
    });
  };
  const places = [
    { inode: 5, path: '/a' },
    { inode: 6, path: '/b' },
  ];
  const found = await readOpenSockets(run, places, [8080, 6379], 1000);
  assert.equal(
    found.map(({ namespace }) => namespace),
    [5],
  );
  assert.match(asked[0] ?? '', 'sport = :8080 or dport = :8080 or sport = :6379 or dport = :6379');
  assert.equal(await readOpenSockets(run, places, [], 1000), []);
  assert.is(asked.length, 2);
});

test.run();
