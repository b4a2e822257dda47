/** Passes, and leaves a rejected promise that nobody handles. */
import { suite } from '../suite.js';

const test = suite('rejects');
test('forgets a promise', () => {
  void Promise.reject(new Error('nobody listens'));
});
test.run();
