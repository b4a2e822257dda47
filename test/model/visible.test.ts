/** Text that is safe for a terminal: nothing that moves, hides or reorders; escaped JSON keeps its data. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { escapeJson, escapeLines, escapeStyled } from '../../src/model/visible.js';
import { suite } from '../support/suite.js';

const test = suite('visible');

/** Controls of both sets, and what reorders or hides. */
const ACTIVE =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u;
const hostile = fc
  .array(
    fc.oneof(
      fc.array(fc.nat(0x10ffff)).map((points) => String.fromCodePoint(...points)),
      fc.constantFrom('\u001b[2J', '\u009b31m', '\u202eabc', '\r', '\t', '\n', '\u001b]0;x\u0007'),
    ),
  )
  .map((parts) => parts.join(''));

test('lines hold nothing active but their ends', () => {
  fc.assert(
    fc.property(hostile, (text) => !ACTIVE.test(escapeLines(text))),
    { seed: 19 },
  );
  assert.is(escapeLines('a\u001b[31mb\n  c\u202e'), 'a\\x1b[31mb\n  c\\u{202e}');
});

test('styles of our own pass, other sequences do not', () => {
  assert.is(escapeStyled('\u001b[1mx\u001b[0m\u001b[2J'), '\u001b[1mx\u001b[0m\\x1b[2J');
  fc.assert(
    fc.property(
      hostile,
      (text) => !ACTIVE.test(escapeStyled(text).replaceAll(/\u001b\[[0-9;]*m/g, '')),
    ),
    { seed: 19 },
  );
});

test('JSON holds nothing active and parses to the same', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const json = escapeJson(JSON.stringify({ [text]: text }, null, 2));
      assert.not.ok(ACTIVE.test(json));
      assert.equal(JSON.parse(json), { [text]: text });
    }),
    { seed: 19 },
  );
});

test.run();
