/** Checksums: right, left to the device, missing, and contradicted by any single changed byte of what they cover. */
import * as assert from 'uvu/assert';
import { isDamaged } from '../../src/decode/checksum.js';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet } from '../../src/decode/packet.js';
import { suite } from '../support/suite.js';

const test = suite('checksums');
const ETHERNET = 1;
const LINK = 14;
const TCP = LINK + 20;

/** A SYN as Linux sends it over loopback: the TCP checksum is that of the pseudo header. */
const LEFT = Buffer.from(
  '0000000000000000000000000800' +
    '4500003c1c464000400620747f0000017f000001' +
    'b4c418ec9d2f1a0000000000a002ffd7fe300000020405d70402080a000000010000000001030307',
  'hex',
);
/** A segment of one byte with all checksums. */
const WHOLE = Buffer.from(
  '0000000000000000000000000800' +
    '4500002900014000400626cc0a0000010a000002' +
    '1f90005000000001000000025018020018e6000061',
  'hex',
);

function check(frame: Buffer): boolean {
  const packet = new Packet();
  if (decodeFrame(frame, frame.length, ETHERNET, packet) !== 'ok') return true;
  return isDamaged(packet);
}

function change(frame: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(frame);
  copy[at] = byte;
  return copy;
}

test('right ones, and one that was left to the device', () => {
  assert.is(check(WHOLE), false);
  assert.is(check(LEFT), false);
});

test('any changed byte of what is covered', () => {
  const changed = (at: number): Buffer => change(WHOLE, at, (WHOLE[at] ?? 0) ^ 0x15);
  for (let at = LINK; at < WHOLE.length; at++) assert.is(check(changed(at)), true, `byte ${at}`);
});

test('what is left to the device still covers the addresses', () => {
  for (let at = LINK + 12; at < TCP; at++)
    assert.is(check(change(LEFT, at, 9)), true, `byte ${at}`);
});

test('nothing is said without a checksum, and of what was cut off', () => {
  const none = change(
    change(change(change(WHOLE, TCP + 16, 0), TCP + 17, 0), LINK + 10, 0),
    LINK + 11,
    0,
  );
  assert.is(check(change(none, TCP, 7)), false);
  const packet = new Packet();
  const cut = change(WHOLE, TCP, 7).subarray(0, WHOLE.length - 1);
  assert.is(decodeFrame(cut, WHOLE.length, ETHERNET, packet), 'ok');
  assert.is(isDamaged(packet), false);
});

test.run();
