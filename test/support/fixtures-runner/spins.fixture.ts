/** One test never gives the event loop back, so only SIGKILL ends it. */
import { suite } from '../suite.js';

process.on('SIGTERM', () => undefined);
const test = suite('spins');
test('counts for ever', () => {
  for (let count = 0; count >= 0; count++);
});
test.run();
