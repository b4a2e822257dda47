/** A quick part of the fuzz: hundreds of mutations from a seed; `npm run fuzz` tries 100,000 from a new one. */
import * as assert from 'uvu/assert';
import { parseNft } from '../../src/rules/read/nft.js';
import { UserError } from '../../src/model/errors.js';
import { suite } from '../support/suite.js';
import { fuzz } from './run.js';
import { TARGETS } from './targets.js';

const test = suite('fuzz');
const SEED = Number(process.env['TRACE_FLOW_SEED'] ?? 20_261_129);
const TRIES = 400;

for (const { name } of TARGETS) {
  test(`${name}: refused with a clear error or read, and drawn without harm`, async () => {
    let tries = 0;
    await fuzz(TRIES, SEED, new RegExp(`^${name}$`), (tried) => {
      tries += tried.tries;
      assert.is(tried.found, null, tried.found ?? '');
    });
    assert.ok(tries > 0);
  });
}

test('rules nested deeper than the stack are refused', () => {
  const deep = 20_000;
  const expression = (open: string, close: string): string =>
    `${open.repeat(deep)}1${close.repeat(deep)}`;
  const json = (value: string): string =>
    `{"nftables":[{"table":{"family":"ip","name":"t"}},{"chain":{"family":"ip","table":"t","name":"c"}},{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":${value}}}]}}]}`;
  const text = (rule: string): string => `table ip t {\nchain c {\n${rule}\n}\n}\n`;
  for (const rules of [
    json(expression('[', ']')),
    json(expression('{"set":[', ']}')),
    text(`tcp dport ${expression('{ ', ' }')} accept`),
    text(expression('jump { ', ' }')),
  ]) {
    try {
      parseNft(rules, 'deep');
      assert.unreachable();
    } catch (error) {
      assert.instance(error, UserError);
      assert.match((error as Error).message, 'nested deeper');
    }
  }
});

test('a body of JSON that is no expression is written as it is', () => {
  const rule = (expr: string): string =>
    `{"nftables":[{"table":{"family":"ip","name":"t"}},{"chain":{"family":"ip","table":"t","name":"c"}},{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"match":{"op":"==","left":${expr},"right":1}}]}}]}`;
  for (const expr of ['{"prefix":"x"}', '{"elem":5}', '{"elem":null}', '{"prefix":true}']) {
    assert.is(parseNft(rule(expr), 'odd').tables.length, 1);
  }
});

test.run();
