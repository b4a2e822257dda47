/** What is read straight from the rows of a captured leg is what its packets tell one by one. */
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { CaptureReading } from '../../src/capture/captures.js';
import { openInput } from '../../src/capture/file/input.js';
import { countBytes } from '../../src/correlate/bytes.js';
import { correlateCapture } from '../../src/correlate/capture/connections.js';
import { countWireBytes } from '../../src/correlate/capture/wire-bytes.js';
import type { WireLeg } from '../../src/correlate/capture/wire-leg.js';
import type { Leg } from '../../src/correlate/leg.js';
import { readExchange } from '../../src/prove/outcome/exchange.js';
import { readPlainExchange } from '../../src/prove/outcome/plain-exchange.js';
import { randomizer } from '../decode/frames.js';
import { suite } from '../support/suite.js';
import { writeCapture, type Shot } from '../support/wire-packets.js';
import { play } from '../support/wire-play.js';

const test = suite('plain exchanges');

async function listLegs(bytes: Buffer): Promise<WireLeg[]> {
  const reading = new CaptureReading({ several: false, program: 'test' });
  const input = await openInput('-', Readable.from([bytes]), new AbortController().signal);
  await reading.readFile('world.pcap', input, () => undefined);
  const { header, capture } = reading.makeTrace();
  return capture ? correlateCapture(header, capture).legs.map(({ leg }) => leg) : [];
}

/** The same leg as any other source would show it. */
function copyLeg(leg: WireLeg): Leg {
  const { protocol, events, client, server, destination, begun, nat, unlisted } = leg;
  const unseen = { dialled: null, accepted: null, conntracked: false, until: Infinity };
  return { protocol, events, client, server, destination, begun, nat, unlisted, ...unseen };
}

/** Some packets are missing, some were captured twice, some came late. */
function disturb(shots: readonly Shot[], seed: number): Shot[] {
  const random = randomizer(seed);
  return shots
    .flatMap((shot) => {
      const again = { ...shot, time: shot.time + random(4) * 600_000 };
      return [[], [shot, again], [again]][random(20)] ?? [shot];
    })
    .sort((a, b) => a.time - b.time);
}

test('whatever happened, the exchange and the bytes are the same by rows and by packets', async () => {
  const counts = { plain: 0, other: 0 };
  for (let seed = 1; seed <= 120; seed++) {
    const { shots, form } = play(seed);
    const sent = seed % 2 === 0 ? shots : disturb(shots, seed);
    for (const leg of await listLegs(writeCapture(sent, form))) {
      const copy = copyLeg(leg);
      assert.equal(countWireBytes(leg), countBytes(copy), `bytes, seed ${seed}`);
      if (leg.protocol === 'udp') continue;
      const plain = readPlainExchange(leg);
      counts[plain ? 'plain' : 'other'] += 1;
      if (plain) assert.equal(plain, readExchange(copy), `seed ${seed}`);
    }
  }
  assert.ok(counts.plain > 100 && counts.other > 20, JSON.stringify(counts));
});

test.run();
