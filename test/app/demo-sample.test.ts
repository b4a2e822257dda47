/** The demo without a lab: the reason why there is none, and the recorded trace that is shown instead. */
import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { findLabObstacle, SAMPLE } from '../../src/app/demo-sample.js';
import { suite } from '../support/suite.js';

const test = suite('demo without a lab');

test('root on Linux has a lab; others are told what it takes', () => {
  assert.is(findLabObstacle('linux', 0), null);
  assert.match(findLabObstacle('linux', 1000) ?? '', /takes root: run the same command with sudo$/);
  assert.match(findLabObstacle('darwin', 501) ?? '', /needs Linux/);
  assert.match(findLabObstacle('win32', undefined) ?? '', /needs Linux/);
});

test('the sample shows both ways, and is in the package', async () => {
  const kinds = new Set(
    (await readFile(SAMPLE, 'utf8'))
      .split('\n')
      .flatMap((line) => /^\{"kind":"(\w+)"/.exec(line)?.[1] ?? []),
  );
  assert.ok(kinds.has('move'), 'bytes were moved by docker-proxy');
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  const { files } = JSON.parse(text) as { files: string[] };
  assert.ok(files.includes('samples/*.ndjson'));
});

test.run();
