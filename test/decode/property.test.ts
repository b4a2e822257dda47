/** The decoders are total: 100,000 damaged frames of every link type, none throws, hangs or reads beyond its frame. */
import * as assert from 'uvu/assert';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet } from '../../src/decode/packet.js';
import { suite } from '../support/suite.js';
import { listFrames, randomizer } from './frames.js';

const test = suite('decoders, damaged input');

const LINKS = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 9999];

test('100,000 mutated frames', () => {
  const random = randomizer(20_260_101);
  const frames = listFrames();
  const packet = new Packet();
  const seen = new Map<string, number>();
  for (let round = 0; round < 100_000; round++) {
    const { bytes, linkType } = frames[random(frames.length)] ?? { bytes: [], linkType: 1 };
    const frame = Uint8Array.from(bytes);
    for (let count = random(4); count > 0; count--) frame[random(frame.length)] = random(256);
    const cut = random(4) === 0 ? frame.subarray(0, random(frame.length + 1)) : frame;
    const link = random(8) === 0 ? (LINKS[random(LINKS.length)] ?? 1) : linkType;
    const result = decodeFrame(cut, cut.length + random(2) * random(70_000), link, packet);
    seen.set(result, (seen.get(result) ?? 0) + 1);
    assert.ok(packet.payloadAt + packet.payloadCaptured <= cut.length || result !== 'ok');
    if (result === 'ok') assert.ok(packet.payloadLength >= packet.payloadCaptured);
  }
  for (const kind of ['ok', 'other', 'malformed', 'unknown-link', 'error', 'fragment']) {
    assert.ok((seen.get(kind) ?? 0) > 0, `${kind} was never the answer`);
  }
});

test('65,535 VLAN tags, option loops and endless extension headers end at once', () => {
  const packet = new Packet();
  const tags = new Uint8Array(14 + 4 * 65_535).fill(0);
  for (let at = 12; at + 1 < tags.length; at += 4) tags.set([0x81, 0x00], at);
  assert.is(decodeFrame(tags, tags.length, 1, packet), 'malformed');
  const extensions = new Uint8Array(262_144).fill(0);
  extensions[0] = 0x60;
  assert.is(decodeFrame(extensions, extensions.length, 101, packet), 'malformed');
});

test.run();
