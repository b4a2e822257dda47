/** Throws in the `before.each` hook, which uvu does not count. */
import { suite } from '../suite.js';

const test = suite('hook');
test.before.each(() => {
  throw new Error('the hook is broken');
});
test('is innocent', () => undefined);
test.run();
