// Elements of sets and maps in nft's text.

import type { Verdict } from '../model/rules.js';
import type { Element } from './nft-build.js';

/** `"docker0" : jump x, "bridge1" : jump y` or `10.0.0.1 . 80, 10.0.0.2 . 80`. */
export function splitElements(words: readonly string[]): Element[] {
  const lists: string[][] = [[]];
  for (const word of words) {
    if (word === ',') lists.push([]);
    else lists.at(-1)?.push(word);
  }
  return lists
    .filter((list) => list.length > 0)
    .map((list) => {
      const colon = list.indexOf(':');
      const key = colon < 0 ? list : list.slice(0, colon);
      const parts = key
        .join(' ')
        .split(' . ')
        // What follows a value is about its life: timeout, expires, counter, comment.
        .map((part) => part.split(' ')[0] ?? '');
      const value = colon < 0 ? null : list.slice(colon + 1).filter((word) => word !== '.');
      return { parts, value, verdict: colon < 0 ? null : readVerdictWords(list.slice(colon + 1)) };
    });
}

function readVerdictWords(words: readonly string[]): Verdict {
  const [name = '', chain = ''] = words;
  if (name === 'accept' || name === 'drop' || name === 'return' || name === 'continue') {
    return { do: name };
  }
  if ((name === 'jump' || name === 'goto') && chain !== '') return { do: name, chain };
  return { do: 'unknown', text: words.join(' ') };
}
