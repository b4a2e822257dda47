/** The JSON Schemas of the package: they are those of the types, real documents fit them, and others do not. */
import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { listSchemas } from '../../src/model/documents.js';
import { suite } from '../support/suite.js';

const test = suite('model: documents');
const ROOT = new URL('../../../', import.meta.url);

const written = (name: string): string =>
  readFileSync(new URL(`schemas/${name}.json`, ROOT), 'utf8');

function validatorOf(name: string): z.ZodType {
  return z.fromJSONSchema(JSON.parse(written(name)) as Parameters<typeof z.fromJSONSchema>[0]);
}

test('the files are those that the types make: npm run schemas', () => {
  const files = readdirSync(new URL('schemas/', ROOT)).sort();
  assert.equal(
    files,
    listSchemas()
      .map(({ name }) => `${name}.json`)
      .sort(),
  );
  for (const { name, text } of listSchemas()) assert.is(written(name), text, name);
});

test('every document of the samples fits, as a whole and as lines', () => {
  const report = validatorOf('report');
  const line = validatorOf('line');
  let count = 0;
  for (const folder of ['samples', 'captures']) {
    const place = new URL(`test/golden/${folder}/`, ROOT);
    const names = readdirSync(place).filter(
      (name) => name.endsWith('.json') && !/-changed|perfetto/.test(name),
    );
    for (const name of names) {
      const document = JSON.parse(readFileSync(new URL(name, place), 'utf8')) as {
        connections: unknown[];
      };
      assert.equal(report.safeParse(document).error?.issues, undefined, name);
      const { connections, ...summary } = document;
      for (const connection of connections) {
        assert.ok(line.safeParse({ type: 'connection', connection }).success, name);
      }
      const last = { type: 'summary', connections: connections.length, summary };
      assert.ok(line.safeParse(last).success, name);
      count += 1;
    }
  }
  assert.ok(count > 30, `${count} documents`);
});

test('what no document may be does not fit', () => {
  const report = validatorOf('report');
  const good = JSON.parse(
    readFileSync(new URL('test/golden/samples/dropped.json', ROOT), 'utf8'),
  ) as Record<string, unknown> & { verdict: object };
  assert.ok(report.safeParse(good).success);
  assert.ok(report.safeParse({ ...good, later: 1 }).success, 'fields may be added');
  const bad = [
    { ...good, schema: 'trace-flow/2' },
    { ...good, connections: null },
    { ...good, verdict: { ...good.verdict, outcome: 'magic' } },
    { ...good, verdict: { ...good.verdict, counts: [{ path: 'dnat', outcome: 'dropped' }] } },
  ];
  for (const document of bad) assert.not(report.safeParse(document).success);
  const explanation = JSON.parse(
    readFileSync(new URL('test/render/fixtures/explain.json', ROOT), 'utf8'),
  ) as Record<string, unknown>;
  assert.ok(validatorOf('explain').safeParse(explanation).success);
  assert.not(validatorOf('explain').safeParse({ ...explanation, predictions: [{}] }).success);
});

test.run();
