/** Throws in the `before` hook, which uvu does not count. */
import { suite } from '../suite.js';

const test = suite('hook');
test.before(() => {
  throw new Error('the hook is broken');
});
test('is innocent', () => undefined);
test.run();
