/** Registers a test after `.run()`, which uvu drops. */
import { suite } from '../suite.js';

const test = suite('late');
test('in time', () => undefined);
test.run();
test('too late', () => undefined);
