/** Mutations of documents and texts, as fast-check draws and shrinks them. */
import fc from 'fast-check';

/** What nobody expects where a value stands; also what acts on a terminal, a page or a picture. */
const ODD: readonly unknown[] = [
  ...[null, true, -1, 0, 1, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 65_536, 4_294_967_295],
  ...[
    '',
    ' ',
    'x',
    '0',
    '-1',
    '1e9',
    '::',
    '0.0.0.0',
    '999.1.1.1',
    'fe80::1%eth0',
    '::ffff:1.2.3.4',
  ],
  ...['0.0.0.0/0', '::/0', '10.0.0.0/99', '1.2.3.4:0', '1.2.3.4:99999', '[::]:80', '*', '/', '..'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'tcp', 'udp', 'in', 'out', 'host', 'docker0'],
  ...[
    '\u001b[2J\u001b]0;title\u0007',
    '\u202egnp.exe',
    '\u200b',
    '\u0000',
    '\r\n',
    'a\u0300\u0301',
  ],
  ...[
    '<script>alert(1)</script>',
    '"><img src=x onerror=y>',
    ']]>',
    '-->',
    '$(x)',
    '%%{init}%%',
    ';',
  ],
  ...['\ud800', 'שלום', 'a'.repeat(5000), '\u{1f600}'.repeat(100)],
  ...[[], {}, [null], [[]], [{}, {}]],
];

/** One change: at which place of the document (modulo their number), and what happens there. */
export interface Change {
  readonly at: number;
  readonly kind: 'replace' | 'remove' | 'repeat' | 'take';
  readonly odd: number;
}

export const anyChanges: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    at: fc.nat(100_000),
    kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'repeat', 'take'),
    odd: fc.nat(100_000),
  }),
  { minLength: 1, maxLength: 4 },
);

type Node = Record<string, unknown> | unknown[];
interface Place {
  readonly parent: Node;
  readonly key: string | number;
}

/** A copy of the document with the changes made; values are replaced, left out, repeated, or taken from another place. */
export function changeJson(document: unknown, changes: readonly Change[]): unknown {
  const root = { document: structuredClone(document) };
  for (const { at, kind, odd } of changes) {
    const places = [...listPlaces(root)];
    const place = places[at % places.length];
    if (!place) continue;
    const { parent, key } = place;
    if (kind === 'remove') remove(parent, key);
    else if (kind === 'repeat' && Array.isArray(parent)) parent.push(structuredClone(get(place)));
    else if (kind === 'take') {
      const other = places[odd % places.length];
      if (other) set(parent, key, structuredClone(get(other)));
    } else set(parent, key, structuredClone(ODD[odd % ODD.length]));
  }
  return root.document;
}

function* listPlaces(parent: Node): Generator<Place> {
  const keys = Array.isArray(parent) ? parent.keys() : Object.keys(parent);
  for (const key of keys) {
    yield { parent, key };
    const value = get({ parent, key });
    if (typeof value === 'object' && value !== null) yield* listPlaces(value as Node);
  }
}

function get({ parent, key }: Place): unknown {
  return (parent as Record<string | number, unknown>)[key];
}

function set(parent: Node, key: string | number, value: unknown): void {
  (parent as Record<string | number, unknown>)[key] = value;
}

function remove(parent: Node, key: string | number): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}

/** A copy of a text with words replaced, left out, repeated or taken from elsewhere, or its end cut off. */
export function changeText(text: string, changes: readonly Change[]): string {
  let words = text.split(/(\s+)/);
  for (const { at, kind, odd } of changes) {
    const place = at % words.length;
    const word = words[place] ?? '';
    if (kind === 'remove') words.splice(place, 1 + (odd % 3));
    else if (kind === 'repeat')
      words.splice(place, 0, ...words.slice(place, place + 2 + (odd % 6)));
    else if (kind === 'take') words[place] = words[odd % words.length] ?? '';
    else if (odd % 5 === 0) words[place] = word.slice(0, odd % (word.length + 1));
    else if (odd % 29 === 0) words = words.slice(0, place + 1);
    else words[place] = toWord(ODD[odd % ODD.length]);
  }
  return words.join('');
}

function toWord(odd: unknown): string {
  return typeof odd === 'string' ? odd : JSON.stringify(odd);
}

/** A copy of bytes with some changed, a stretch left out or repeated, or the end cut off. */
export function changeBytes(bytes: Buffer, changes: readonly Change[]): Buffer {
  let out = Buffer.from(bytes);
  for (const { at, kind, odd } of changes) {
    if (out.length === 0) break;
    const place = at % out.length;
    if (kind === 'remove')
      out = Buffer.concat([out.subarray(0, place), out.subarray(place + (odd % 64))]);
    else if (kind === 'repeat') {
      out = Buffer.concat([out.subarray(0, place + (odd % 64)), out.subarray(place)]);
    } else if (kind === 'take') out = out.subarray(0, place + 1);
    else out[place] = odd % 4 === 0 ? 255 : odd % 256;
  }
  return out;
}
