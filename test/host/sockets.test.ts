/** The kernel's socket tables: byte order, states, and lines that are not as expected. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { formatEndpoint } from '../../src/model/address.js';
import { parseJoinedTables } from '../../src/host/listeners.js';
import { parseHexEndpoint, parseListeners } from '../../src/host/sockets.js';
import { suite } from '../support/suite.js';

const test = suite('sockets');

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:18EC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 112551 1 0000000048f4e3d2 100 0 0 10 0
   1: 0100007F:1B58 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 113241 1 0000000062d1684a 100 0 0 10 0
   2: 016433C6:1B58 026433C6:A3B2 01 00000000:00000000 00:00000000 00000000     0        0 113242 1 0000000062d1684a 100 0 0 10 0
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 112457 1 0000000049cc196c 100 0 0 10 0
   1: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 112458 1 0000000049cc196c 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 112459 1 0000000049cc196c 100 0 0 10 0
`;
const UDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 4599: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112601 2 0000000091c113dc 0
 4600: 00000000000000000000000001000000:14EA 00000000000000000000000001000000:0035 01 00000000:00000000 00:00000000 00000000     0        0 112602 2 0000000091c113dc 0
`;

test('lists TCP sockets in LISTEN, with their inodes', () => {
  const rows = parseListeners('tcp', TCP);
  assert.equal(
    rows.map(({ local, inode }) => `${formatEndpoint(local)} ${inode}`),
    ['0.0.0.0:6380 112551', '127.0.0.1:7000 113241'],
  );
});

test('lists IPv6 listeners in canonical form', () => {
  assert.equal(
    parseListeners('tcp6', TCP6).map(({ local }) => formatEndpoint(local)),
    ['[::]:8080', '[2001:db8::1]:80', '127.0.0.1:81'],
  );
});

test('lists UDP sockets without a peer', () => {
  assert.equal(
    parseListeners('udp6', UDP6).map(({ protocol, local }) => `${protocol} ${local.port}`),
    ['udp 5353'],
  );
});

test('splits tables that were printed one after the other', () => {
  const rows = parseJoinedTables(`@ tcp\n${TCP}@ tcp6\n${TCP6}@ udp\n@ udp6\n${UDP6}`);
  assert.is(rows.length, 6);
  assert.is(parseJoinedTables('').length, 0);
});

test('knows both byte orders', () => {
  assert.equal(parseHexEndpoint('0100007F:1B58', false), { address: '127.0.0.1', port: 7000 });
  assert.equal(parseHexEndpoint('7F000001:1B58', true), { address: '127.0.0.1', port: 7000 });
  assert.is(parseHexEndpoint('0100007:1B58'), null);
});

test('never throws, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(TCP6.length), (noise, at) => {
      parseListeners('tcp6', TCP6.slice(0, at) + noise + TCP6.slice(at));
      parseJoinedTables(`@ udp\n${noise}`);
    }),
  );
});

test.run();
