/** Two tests pass, three are skipped, each with its reason. */
import * as assert from 'uvu/assert';
import { suite } from '../suite.js';

const first = suite('first');
let prepared = false;
first.before(() => {
  prepared = true;
});
first('sees its hook', () => {
  assert.ok(prepared);
});
first('waits', async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
});
first.skip('one test', 'the moon is full');
first.run();

const second = suite('second');
second.skipUnless('this machine has no tail');
second.before(() => {
  throw new Error('a skipped suite runs no hook');
});
second('wags', () => {
  assert.unreachable();
});
second('barks', () => {
  assert.unreachable();
});
second.run();
