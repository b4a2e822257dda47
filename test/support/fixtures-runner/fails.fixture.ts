/** One test passes and one fails with a difference to show. */
import * as assert from 'uvu/assert';
import { suite } from '../suite.js';

const test = suite('fails');
test('is right', () => {
  assert.is(1, 1);
});
test('is wrong', () => {
  console.log('said before failing');
  assert.equal({ port: 6379 }, { port: 6380 });
});
test.run();
