/** One test never ends, and its timer keeps the process alive. */
import { suite } from '../suite.js';

const test = suite('hangs');
test('waits for ever', async () => {
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
});
test.run();
