/** Every test that the catalogue names exists. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { FAULTS_OF_MACHINES, INPUTS } from './catalogue.js';
import { drawFaults, drawMutations } from './table.js';

const test = suite('robustness: catalogue');
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

for (const { name, checks } of [...INPUTS, ...FAULTS_OF_MACHINES]) {
  test(name, () => {
    assert.ok(checks.length > 0);
    for (const { file, titles = [] } of checks) {
      assert.ok(existsSync(PROJECT + file), file);
      const text = readFileSync(PROJECT + file, 'utf8');
      for (const title of titles) assert.ok(text.includes(`test('${title}`), `${file}: ${title}`);
    }
  });
}

test('the tables: sums, and failures that stand out', () => {
  const mutations = drawMutations([
    { name: 'captures', tries: 1_600, refused: 9, found: null },
    { name: 'ip -j', tries: 400, refused: 0, found: 'seed 1' },
  ]);
  assert.equal(mutations.slice(2), [
    '| captures | 1,600 | 9 | 0 |',
    '| ip -j | 400 | 0 | **1** |',
    '| all | 2,000 | 9 | **1** |',
  ]);
  const [first = { name: '', right: '', checks: [] }] = INPUTS;
  const [, , row = ''] = drawFaults([first], () => ({ tried: 3, failed: 2, skipped: 1 }));
  assert.match(
    row,
    /^\| damaged files \| .* \| `damaged\.test\.ts` \| 150,000, 2 skipped \| \*\*4\*\* \|$/,
  );
});

test.run();
