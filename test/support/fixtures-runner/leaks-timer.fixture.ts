/** Passes, and leaves a timer running. */
import { suite } from '../suite.js';

const test = suite('leaks');
test('starts a timer', () => {
  setInterval(() => undefined, 1000);
});
test.run();
