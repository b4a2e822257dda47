/** Runs a suite that holds no test. */
import { suite } from '../suite.js';

suite('empty').run();
