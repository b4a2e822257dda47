/** Text and numbers for people: neutralised, shortened, wrapped, rounded. */
import stringWidth from 'string-width';
import * as assert from 'uvu/assert';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatEvents,
  formatStop,
  formatMoment,
  plural,
} from '../../src/words/numbers.js';
import {
  printable,
  shorten,
  shortenEndpoint,
  shortenMiddle,
  widthOf,
  wrap,
  wrapItems,
} from '../../src/render/text.js';
import { suite } from '../support/suite.js';

const test = suite('render: text');

test('printable writes out what acts, hides or reorders', () => {
  assert.is(printable('redis_1.é漢→'), 'redis_1.é漢→');
  assert.is(printable('\u001b[31m\u009b'), '\\x1b[31m\\x9b');
  assert.is(printable('a\u202Eb\u200b'), 'a\\u{202e}b\\u{200b}');
  assert.is(printable('a\r\n\tb\u00a0c'), 'a b c');
  assert.is(printable('e\u0301\u0301'), 'é\\u{301}');
  assert.is(printable('ש\ud800'), '\\u{5e9}\\u{d800}');
});

test('shortening keeps the width and what tells most', () => {
  assert.is(shorten('docker-proxy', 8), 'docker-…');
  assert.is(shorten('漢字漢字', 5), '漢字…');
  assert.is(shortenMiddle('br-0123456789ab', 9), 'br-0…89ab');
  assert.match(shortenEndpoint('[2001:db8:85a3::7348]:6379', 20), /^\[2001.*….*48\]:6379$/);
  assert.is(widthOf(shortenEndpoint('[2001:db8:85a3::7348]:6379', 20)), 20);
  assert.is(shortenEndpoint('172.17.0.2:6379', 20), '172.17.0.2:6379');
});

test('wrapping breaks at words, between items, and inside of a word only when it must', () => {
  assert.equal(wrap('one two three', 7), ['one two', 'three']);
  assert.equal(wrap('abcdefghij k', 4), ['abcd', 'efgh', 'ij k']);
  assert.equal(wrap('', 10), []);
  assert.equal(wrapItems(['14 B sent', 'connected in 84 µs'], 20), [
    '14 B sent',
    'connected in 84 µs',
  ]);
});

test('the width of every character, alone and beside others, is that of a terminal', () => {
  for (let code = 0x20; code < 0x3000; code++) {
    const character = String.fromCodePoint(code);
    for (const text of [
      character,
      `a${character}b`,
      `─${character}→`,
      `${character}${character}`,
    ]) {
      assert.is(widthOf(text), stringWidth(text), code.toString(16));
    }
  }
});

test('durations, bytes and counts', () => {
  const durations = [
    0, 850, 999.6, 84_000, 1_204_000, 999_600_000, 2.35e9, 120e9, 7200e9, 1e15, 1e21,
  ];
  assert.equal(durations.map(formatDuration), [
    '0',
    '850 ns',
    '1.00 µs',
    '84.0 µs',
    '1.20 ms',
    '1.00 s',
    '2.35 s',
    '2 min',
    '2 h',
    '12 d',
    '> 9999 d',
  ]);
  assert.equal([0, 14, 999, 1000, 1234, 1_200_000, 1_073_741_824].map(formatBytes), [
    '0 B',
    '14 B',
    '999 B',
    '1 kB',
    '1.23 kB',
    '1.2 MB',
    '1.07 GB',
  ]);
  assert.equal([7, 1234, 1_234_567].map(formatCount), ['7', '1,234', '1,234,567']);
  assert.equal([plural(1, 'segment'), plural(212, 'segment')], ['1 segment', '212 segments']);
});

test('event lists join neighbours, and no number of an event is ever cut', () => {
  assert.is(formatEvents([7, 5, 6, 12, 5]), '5–7, 12');
  assert.is(formatEvents([1, 2]), '1, 2');
  assert.is(formatEvents([1, 3, 5, 7, 9, 11, 13, 15]), '1, 3, 5, 7, 9, 11, 13, 15');
  assert.is(formatStop([1_234_567], 1, 3), '1234567');
  assert.is(formatStop([612, 613], 1), '612,613');
  assert.is(formatStop([612, 613], 1, 6), '612+');
  assert.is(formatStop([612], 40, 2), '612…');
  assert.is(formatEvents([]), '');
});

test('moments are UTC with microseconds', () => {
  assert.is(formatMoment('1795463690123456789'), '2026-11-23 19:54:50.123456 UTC');
});

test.run();
