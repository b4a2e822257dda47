/** Ends the process with success in the middle of its tests. */
import { suite } from '../suite.js';

const test = suite('exits');
test('leaves', () => {
  process.exit(0);
});
test('never runs', () => {
  throw new Error('unreachable');
});
test.run();
