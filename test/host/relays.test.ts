/** docker-proxy's command lines, of the versions and spellings that exist. */
import * as assert from 'uvu/assert';
import { parseRelay } from '../../src/host/relays.js';
import { suite } from '../support/suite.js';

const test = suite('relays');

function parse(line: string): unknown {
  const relay = parseRelay(7, line.split(' '));
  if (!relay) return null;
  const { protocol, listens, target } = relay;
  return [protocol, listens.address, listens.port, target?.address, target?.port].join(' ');
}

const SPELLINGS: [string, string | null][] = [
  [
    '/usr/sbin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 6379',
    'tcp 0.0.0.0 8080 172.17.0.2 6379',
  ],
  [
    '/usr/sbin/docker-proxy -proto udp -host-ip :: -host-port 5353 -container-ip 172.17.0.3 -container-port 53',
    'udp :: 5353 172.17.0.3 53',
  ],
  [
    '/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port 80 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd',
    'tcp 127.0.0.1 80 172.17.0.2 80',
  ],
  [
    'docker-proxy -use-listen-fd --proto=tcp --host-ip=0.0.0.0 --host-port=80 --container-ip=fd00:0::2 --container-port=80',
    'tcp 0.0.0.0 80 fd00::2 80',
  ],
  // The protocol has a default; a target may be missing.
  ['docker-proxy -host-ip 0.0.0.0 -host-port 80', 'tcp 0.0.0.0 80  '],
  ['docker-proxy -proto sctp -host-ip 0.0.0.0 -host-port 80', null],
  ['docker-proxy -host-ip 0.0.0.0 -host-port 99999', null],
  ['docker-proxy -host-ip nowhere -host-port 80', null],
  ['docker-proxy', null],
  ['vim docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 80', null],
  ['', null],
];

for (const [line, expected] of SPELLINGS) {
  test(`${line || 'nothing'} is ${expected ?? 'no relay'}`, () => {
    assert.equal(parse(line), expected);
  });
}

test('keeps pid, name and arguments', () => {
  const words = ['/usr/sbin/docker-proxy', '-host-ip', '0.0.0.0', '-host-port', '80'];
  const relay = parseRelay(42, words);
  assert.is(relay?.pid, 42);
  assert.is(relay?.command, 'docker-proxy');
  assert.equal(relay?.arguments, words.slice(1));
});

test.run();
