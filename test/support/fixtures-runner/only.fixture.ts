/** Leaves `.only` in, which hides the other test. */
import { suite } from '../suite.js';

const test = suite('only');
test.only('chosen', () => undefined);
test('hidden', () => undefined);
test.run();
