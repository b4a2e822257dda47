/** Throws in the `after.each` hook, which uvu does not count. */
import { suite } from '../suite.js';

const test = suite('hook');
test.after.each(() => {
  throw new Error('the hook is broken');
});
test('is innocent', () => undefined);
test.run();
