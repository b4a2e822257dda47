/** A second suite forgets `.run()`; the first one passes and must not hide that. */
import { suite } from '../suite.js';

const first = suite('runs');
first('passes', () => undefined);
first.run();

const second = suite('forgotten');
second('never runs', () => undefined);
