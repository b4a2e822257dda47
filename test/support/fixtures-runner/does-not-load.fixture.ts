/** Throws while it is imported, after one suite was registered. */
import { suite } from '../suite.js';

const test = suite('fine');
test('passes', () => undefined);
test.run();

throw new Error('the file is broken');
