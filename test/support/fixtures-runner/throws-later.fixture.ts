/** Passes, and throws from a timer once every test is over. */
import { suite } from '../suite.js';

const test = suite('late');
test('leaves a bomb', () => {
  setTimeout(() => {
    throw new Error('after the party');
  }, 200);
});
test.run();
