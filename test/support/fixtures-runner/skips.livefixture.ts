/** A live file on a machine that lacks something: one skip may always be, the other not where live tests are required. */
import { suite } from '../suite.js';

const present = suite('present');
present('passes', () => undefined);
present.run();

const needed = suite('needed');
needed.skipUnless('no BTF');
needed('traces', () => undefined);
needed.run();

const rare = suite('rare');
rare.skipUnless('no kprobes', { optional: true });
rare('probes', () => undefined);
rare.run();
