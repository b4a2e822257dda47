/** What was read of nft and iptables, printed again and loaded, is what the kernel had before: nft and iptables-save themselves list both. */
import { execFileSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { writeNftTable } from '../../../src/rules/read/nft/print.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { readNft } from '../../../src/rules/read/nft.js';
import { findLiveObstacle } from '../../support/live.js';
import { suite } from '../../support/suite.js';
import { listRuleSets, readRules } from '../evaluate/worlds.js';
import { makeNft, makeSaved } from '../random/make.js';
import { makeWide } from '../random/wide.js';
import { normalize } from './normal-form.js';

const test = suite('what was read, loaded again');
test.skipUnless(findLiveObstacle());

const DEVICES = 'for d in ext0 docker0 veth1; do ip link add $d type bridge; done';
const PORTS = Array.from({ length: 24 }, (_, i) => i + 1);

/** In a network namespace of its own: what a command prints behind what it loads; null where it is not taken. */
function list(load: string, show: string, input: string): string | null {
  try {
    const script = `${DEVICES}; ${load} && ${show}`;
    return execFileSync('unshare', ['--net', 'sh', '-ec', script], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
}

/** Whether it could be loaded at all; then both must be the same. */
function compareNft(text: string, name: string): boolean {
  const json = list('nft -f -', 'nft -j list ruleset', text);
  const plain = list('nft -f -', 'nft list ruleset', text);
  if (json === null || plain === null) return false;
  // Of some rules nft prints what it does not take itself.
  if (list('nft -f -', 'true', plain) === null) return false;
  for (const [form, listed] of [
    ['JSON', json],
    ['text', plain],
  ] as const) {
    const printed = readNft(listed, name).map(writeNftTable).join('\n');
    const again = list('nft -f -', 'nft -j list ruleset', printed);
    assert.ok(again !== null, `${name}, ${form}: nft does not take\n${printed}`);
    assert.equal(normalize(again), normalize(json), `${name}, ${form}`);
  }
  return true;
}

test('rule sets of nft at random', () => {
  const sets = PORTS.map((seed) => (seed % 2 === 0 ? makeNft(seed) : makeWide(seed)));
  const taken = sets.filter((text, i) => compareNft(text, `seed ${PORTS[i]}`));
  assert.ok(taken.length >= PORTS.length / 2, `only ${taken.length} of them could be loaded`);
});

test('rule sets of engines for nft', () => {
  // The whole set of kube-proxy has a map without elements, whose type is not kept: it cannot be written again.
  const names = listRuleSets().filter(
    (name) => name.endsWith('.nft') && !/handles|numbers|wild|hostile|whole/.test(name),
  );
  const taken = names.filter((name) =>
    compareNft(readRules(name).replaceAll('priority dstnat', 'priority -100'), name),
  );
  assert.ok(taken.length >= 3, taken.join());
});

test('rule sets of iptables, at random and of engines', () => {
  const sets = [
    ...PORTS.map((seed) => makeSaved(seed)),
    ...listRuleSets()
      .filter((name) => name.endsWith('.iptables'))
      .map(readRules),
  ];
  const save = "iptables-nft-save | grep -v '^#'";
  const taken = sets.filter((text) => {
    const first = list('iptables-nft-restore', save, text);
    if (first === null) return false;
    const printed = parseSaved(first, 'saved').tables.flatMap(({ name, chains }) => [
      `*${name}`,
      ...chains.map(
        (chain) => `:${chain.name} ${chain.base ? chain.policy.toUpperCase() : '-'} [0:0]`,
      ),
      ...chains.flatMap(({ rules }) => rules.map((rule) => rule.text)),
      'COMMIT',
    ]);
    const again = list('iptables-nft-restore', save, `${printed.join('\n')}\n`);
    const plain = (listed: string | null): string =>
      (listed ?? '').replaceAll(/\[\d+:\d+\]/g, '[0:0]');
    assert.is(plain(again), plain(first));
    return true;
  });
  assert.ok(taken.length >= PORTS.length, `only ${taken.length} of them could be loaded`);
});

test.run();
