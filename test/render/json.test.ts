/** The JSON document in pieces equals the whole document. */
import * as assert from 'uvu/assert';
import { analyse } from '../../src/prove/analyse.js';
import { renderJson, renderJsonPieces } from '../../src/render/json.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('json');

test('the pieces make what JSON makes of the whole', () => {
  for (const name of ['dnat-outside', 'asks-database']) {
    const report = analyse(readSample(name));
    assert.is(renderJson(report), `${JSON.stringify(report, null, 2)}\n`);
  }
});

test('lists that are empty and values that are not there', () => {
  const report = { ...analyse(readSample('dnat-outside')), connections: [], hosts: undefined };
  assert.is(renderJson(report), `${JSON.stringify(report, null, 2)}\n`);
});

test('no piece holds two connections', () => {
  const report = analyse(readSample('dnat-outside'));
  const [one] = report.connections;
  assert.ok(one);
  const many = { ...report, connections: Array.from({ length: 50 }, () => one) };
  const longest = Math.max(...[...renderJsonPieces(many)].map(({ length }) => length));
  assert.ok(longest < 2 * JSON.stringify(one, null, 2).length, String(longest));
});

test.run();
