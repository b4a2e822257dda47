/** Every kind of frame that is decoded, and the fields that are read from it. */
import * as assert from 'uvu/assert';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet } from '../../src/decode/packet.js';
import { suite } from '../support/suite.js';
import { listFrames } from './frames.js';

const test = suite('decoders');

const EXPECTED: Readonly<Record<string, string>> = {
  'ICMP error': 'error',
  'ICMPv6 error': 'error',
  'later fragment': 'fragment',
  ARP: 'other',
};

for (const { name, linkType, bytes } of listFrames()) {
  test(name, () => {
    const packet = new Packet();
    const frame = Uint8Array.from(bytes);
    const expected = EXPECTED[name] ?? 'ok';
    assert.is(decodeFrame(frame, frame.length, linkType, packet), expected);
    if (expected === 'error') {
      assert.equal([packet.about.sourcePort, packet.about.destinationPort], [40_000, 53]);
    }
    if (expected !== 'ok') return;
    assert.is(packet.sourcePort, 40_000);
    if (packet.protocol === 17) {
      assert.equal([packet.destinationPort, packet.payloadLength], [53, 4]);
      return;
    }
    const { destinationPort, seq, ack, flags, timestamp, payloadLength, payloadAt } = packet;
    assert.equal(
      [destinationPort, seq, ack, flags, timestamp, payloadLength],
      [6379, 100, 200, 0x18, 256, 6],
    );
    assert.is(Buffer.from(frame.subarray(payloadAt)).toString(), 'PING\r\n');
    assert.is(packet.ipId, packet.version === 4 ? 4711 : -1);
  });
}

test('direction and device of cooked captures', () => {
  const packet = new Packet();
  const frame = listFrames().find(({ name }) => name === 'SLL2');
  assert.ok(frame);
  decodeFrame(Uint8Array.from(frame.bytes), frame.bytes.length, 276, packet);
  assert.equal([packet.ifindex, packet.direction, packet.loopback], [9, 'out', false]);
});

test.run();
