/** Predictions from rule sets that a real engine made, against what real connections did there (test/lab/take-rules.ts). */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { explain } from '../../../src/app/explain.js';
import type { Explanation, Prediction } from '../../../src/model/explain.js';
import { suite } from '../../support/suite.js';
import type { Truth } from '../../lab/truth.js';

const test = suite('predict, real rule sets');
const FIXTURES = fileURLToPath(new URL('../../../../test/rules/fixtures/', import.meta.url));

/** Every port that leads somewhere in those labs, and one of the host's own. */
const PORTS = [6379, 6390, 6391, 6392, 6393, 7001, 7002, 5300, 7777];

const key = ({ vantage, from, to, protocol }: Truth | Prediction): string =>
  [vantage, from, '→', to, protocol].join(' ');

/** Throws where what happened is not what was said. */
function check(truth: Truth, prediction: Prediction): void {
  const { path, sourceSeen, obstacles, why } = prediction;
  const told = `${key(truth)}: ${path} (${why}); seen ${JSON.stringify(truth)}`;
  if (path === 'refused' || path === 'dropped') {
    assert.is(truth.end, path, told);
    return;
  }
  const lost = truth.protocol === 'udp' ? 'dropped' : 'reset';
  assert.is(truth.end, obstacles.length > 0 ? lost : 'answered', told);
  if (truth.end !== 'answered') return;
  assert.is(truth.translated ?? false, path === 'dnat', told);
  if (truth.relayed !== null) assert.is(truth.relayed, path === 'docker-proxy', told);
  if (sourceSeen !== null) assert.is(truth.seen, sourceSeen, told);
}

function compare(truths: readonly Truth[], explanation: Explanation): { unknown: number } {
  const predictions = new Map(explanation.predictions.map((each) => [key(each), each]));
  let unknown = 0;
  for (const truth of truths) {
    const prediction = predictions.get(key(truth));
    if (!prediction) throw new Error(`nothing is predicted for ${key(truth)}`);
    if (prediction.path === 'unknown') unknown += 1;
    else check(truth, prediction);
  }
  return { unknown };
}

const folders = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
assert.is(folders.length, 4);

for (const name of folders) {
  const folder = `${FIXTURES}${name}`;
  const truths = JSON.parse(readFileSync(`${folder}/truth.json`, 'utf8')) as Truth[];
  const request = { query: { ports: PORTS }, topology: `${folder}/map.json` };

  test(`${name}: all ${truths.length} ways are as predicted by iptables-save`, async () => {
    // Where ip6tables-save printed nothing, an empty file says so.
    const iptables = [`${folder}/rules.iptables`, ...(name.endsWith('-ipv6') ? [] : ['/dev/null'])];
    const explanation = await explain({ ...request, iptables });
    assert.equal(compare(truths, explanation), { unknown: 0 });
    // These maps were taken before routing and the inside of containers were in them, which is said.
    const [routing, insides, ...others] = explanation.problems;
    assert.match(routing ?? '', 'does not hold routing rules');
    assert.match(insides ?? '', 'does not hold the routes and rules inside');
    const said = name.endsWith('-ipv6') ? [] : ['/dev/null is empty: it tells of no rules.'];
    assert.equal(others, said);
  });

  if (!name.endsWith('ipv6')) continue;
  test(`${name}: what nft shows of it is never predicted wrongly`, async () => {
    const text = compare(truths, await explain({ ...request, nft: [`${folder}/rules.nft`] }));
    assert.ok(text.unknown < truths.length / 2, `${text.unknown} of ${truths.length} unknown`);
    // Its JSON hides what rules of iptables-nft do: little can be said, and that is said.
    const json = compare(truths, await explain({ ...request, nft: [`${folder}/rules.nft.json`] }));
    assert.ok(json.unknown > 0);
  });
}

test.run();
