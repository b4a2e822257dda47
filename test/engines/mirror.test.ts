/** The mirror that a root is made from is the one that this machine's apt uses. */
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { ENGINES } from './catalogue.js';
import { findMirror } from './mirror.js';
import { suiteKey, SUITES } from './suites.js';

const test = suite('mirror and suites');

const SOURCES = `https://tools.example/debian/ main stable Packages
http://mirror.example/debian-security/ main bookworm-security Packages
http://mirror.example/debian/ contrib bookworm Packages
http://mirror.example/debian/ main bookworm Packages`;

test('the source of the release itself, not that of its updates or of others', () => {
  assert.is(findMirror(SOURCES, 'bookworm'), 'http://mirror.example/debian');
  assert.throws(() => findMirror(SOURCES, 'trixie'), /no source for trixie main; add one/);
  assert.throws(() => findMirror('', 'bookworm'));
});

test('a root is kept under what it holds', () => {
  const [first] = SUITES;
  if (!first) throw new Error('no suite');
  assert.is(suiteKey(first), suiteKey({ ...first }));
  assert.is.not(suiteKey(first), suiteKey({ ...first, packages: [...first.packages, 'more'] }));
  assert.is(new Set(SUITES.map(suiteKey)).size, SUITES.length);
});

test('every engine has a name of its own and a suite', () => {
  assert.is(new Set(ENGINES.map(({ name }) => name)).size, ENGINES.length);
  for (const engine of ENGINES) assert.ok(SUITES.some(({ name }) => name === engine.suite));
});

test.run();
