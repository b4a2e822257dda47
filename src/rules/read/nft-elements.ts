// Elements of sets and maps in nft's text.

import type { Verdict } from '../../model/rules.js';
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
      const parts = takePlain(colon < 0 ? list : list.slice(0, colon))
        .join(' ')
        .split(' . ');
      if (colon < 0) return { parts, value: null, verdict: null };
      const data = takePlain(list.slice(colon + 1));
      return { parts, value: data.filter((word) => word !== '.'), verdict: readVerdictWords(data) };
    });
}

/** Without what is told of an element's life. */
function takePlain(words: readonly string[]): readonly string[] {
  const end = words.findIndex((word, i) => i > 0 && LIFE.has(word));
  return end < 0 ? words : words.slice(0, end);
}

const LIFE = new Set(['timeout', 'expires', 'counter', 'comment', 'limit', 'quota', 'last', 'ct']);

function readVerdictWords(words: readonly string[]): Verdict {
  const [name = '', chain = ''] = words;
  if (name === 'accept' || name === 'drop' || name === 'return' || name === 'continue') {
    return { do: name };
  }
  if ((name === 'jump' || name === 'goto') && chain !== '') return { do: name, chain };
  return { do: 'unknown', text: words.join(' ') };
}
