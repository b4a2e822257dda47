/** One test waits for nothing that could ever happen: the process ends before the test does. */
import { suite } from '../suite.js';

const test = suite('drains');
test('waits for nobody', async () => {
  await new Promise(() => undefined);
});
test.run();
