/** nft's `iifkind` and `oifkind`: by the kinds that `ip -d link` tells, in text and in JSON. */
import * as assert from 'uvu/assert';
import { UNNAMED, type TrialPacket } from '../../../src/rules/evaluate/packet.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import type { Match } from '../../../src/model/rules.js';
import { testMatch } from '../../../src/rules/evaluate/match.js';
import { makeRouted } from '../routing/worlds.js';
import { suite } from '../../support/suite.js';
import { makePacket } from './packets.js';

const test = suite('kinds of devices');

const world = makeRouted();

function meetsIn(match: Match, change: Partial<TrialPacket>, on = world): unknown {
  const answer = testMatch(match, makePacket(change), on);
  return typeof answer === 'boolean' ? answer : answer.about;
}

test('the kind is that of the device; a device without a kind meets nothing, negated or not', () => {
  const into = (names: readonly string[], not: boolean, inDevice: TrialPacket['inDevice']) =>
    meetsIn({ on: 'in-kind', names, not }, { inDevice });
  assert.equal(
    [into(['bridge'], false, 'docker0'), into(['bridge'], true, 'docker0')],
    [true, false],
  );
  assert.equal([into(['veth'], false, 'docker0'), into(['veth'], true, 'docker0')], [false, true]);
  assert.is(into(['vlan', 'bridge'], false, 'docker0'), true);
  for (const device of ['ext0', 'lo', null]) {
    assert.equal([into(['veth'], false, device), into(['veth'], true, device)], [false, false]);
  }
  const out = { on: 'out-kind', names: ['bridge'], not: false } as const;
  assert.is(meetsIn(out, { inDevice: 'ext0', outDevice: 'docker0' }), true);
  assert.is(meetsIn(out, { inDevice: 'docker0', outDevice: 'ext0' }), false);
});

test('where the device or its kind is not known, nobody knows', () => {
  const match = { on: 'in-kind', names: ['bridge'], not: false } as const;
  const about = { code: 'as-written', text: 'iifkind bridge' };
  assert.equal(meetsIn(match, { inDevice: UNNAMED }), about);
  assert.equal(meetsIn(match, { inDevice: 'docker0' }, { ...world, routing: null }), about);
  assert.equal(meetsIn({ ...match, on: 'out-kind', not: true }, { outDevice: UNNAMED }), {
    code: 'as-written',
    text: 'oifkind != bridge',
  });
});

test('text and JSON say the same', () => {
  const text = 'table inet w {\n chain c {\n meta iifkind != { "veth", "bridge" } drop\n }\n}\n';
  const own = { meta: { key: 'iifkind' } };
  const json = JSON.stringify({
    nftables: [
      { table: { family: 'inet', name: 'w', handle: 1 } },
      { chain: { family: 'inet', table: 'w', name: 'c', handle: 1 } },
      {
        rule: {
          family: 'inet',
          table: 'w',
          chain: 'c',
          handle: 2,
          expr: [
            { match: { op: '!=', left: own, right: { set: ['veth', 'bridge'] } } },
            { drop: null },
          ],
        },
      },
    ],
  });
  const read = (rules: string) => parseNft(rules, 'x').tables[0]?.chains[0]?.rules[0]?.steps[0];
  const match = { on: 'in-kind', names: ['veth', 'bridge'], not: true };
  assert.equal(read(text), { kind: 'match', match });
  assert.equal(read(json), { kind: 'match', match });
});

test.run();
