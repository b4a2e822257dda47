// Writes an expression of nft's JSON as nft itself prints it in text.

type Json = Record<string, unknown>;

/** `{"prefix": {"addr": "10.0.0.0", "len": 8}}` is 10.0.0.0/8. */
export function writeValue(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(writeValue).join(',');
  if (!isRecord(value)) return JSON.stringify(value) ?? '';
  const { prefix, range, set } = value;
  if (isRecord(prefix)) return `${writeValue(prefix['addr'])}/${writeValue(prefix['len'])}`;
  if (Array.isArray(range)) return range.map(writeValue).join('-');
  if (Array.isArray(set)) return `{ ${set.map(writeValue).join(', ')} }`;
  return writeWords(value);
}

/** An expression or statement; what has no known form is its JSON. */
export function writeWords(value: unknown): string {
  if (!isRecord(value)) return writeValue(value);
  const entries = Object.entries(value);
  const [first] = entries;
  if (!first || entries.length !== 1) return JSON.stringify(value);
  const [name, body] = first;
  if (body === null) return name;
  if (Array.isArray(body)) {
    if (name === 'concat') return body.map(writeWords).join(' . ');
    if (['&', '|', '^'].includes(name)) return body.map(writeWords).join(` ${name} `);
    if (name === 'set') return writeValue(value);
    return JSON.stringify(value);
  }
  if (!isRecord(body)) return `${name} ${writeValue(body)}`;
  return writeNamed(name, body) ?? JSON.stringify(value);
}

function writeNamed(name: string, body: Json): string | null {
  switch (name) {
    case 'meta': {
      const key = writeValue(body['key']);
      return /^[io]if/.test(key) ? key : `meta ${key}`;
    }
    case 'payload':
      return body['protocol'] === undefined
        ? null
        : `${writeValue(body['protocol'])} ${writeValue(body['field'])}`;
    case 'ct': {
      const direction = body['dir'] === undefined ? '' : `${writeValue(body['dir'])} `;
      return `ct ${direction}${writeValue(body['key'])}`;
    }
    case 'tcp option':
      return `tcp option ${writeValue(body['name'])} ${writeValue(body['field'] ?? '')}`;
    case 'numgen': {
      const offset = body['offset'] ? ` offset ${writeValue(body['offset'])}` : '';
      return `numgen ${writeValue(body['mode'])} mod ${writeValue(body['mod'])}${offset}`;
    }
    case 'jhash':
      return `jhash ${writeWords(body['expr'])} mod ${writeValue(body['mod'])}`;
    case 'symhash':
      return `symhash mod ${writeValue(body['mod'])}`;
    case 'fib':
      return `fib ${[body['flags']].flat().map(writeValue).join(' . ')} ${writeValue(body['result'])}`;
    case 'match': {
      const op = writeValue(body['op']);
      const shown = op === '==' || op === 'in' ? '' : `${op} `;
      return `${writeWords(body['left'])} ${shown}${writeValue(body['right'])}`;
    }
    case 'jump':
    case 'goto':
      return `${name} ${writeValue(body['target'])}`;
    case 'dnat':
    case 'snat': {
      const [address, port] = [body['addr'], body['port']].map((part) =>
        part === undefined ? '' : writeValue(part),
      );
      const bracketed = address?.includes(':') && port !== '' ? `[${address}]` : address;
      return `${name} to ${bracketed}${port === '' ? '' : `:${port}`}`;
    }
    case 'vmap':
      return `${writeWords(body['key'])} vmap ${writeValue(body['data'])}`;
    case 'xt':
      return `xt ${writeValue(body['type'])} ${writeValue(body['name'])}`;
    case 'mangle':
      return `${writeWords(body['key'])} set ${writeWords(body['value'])}`;
    case 'log':
      return 'log';
    case 'limit':
      return `limit rate ${writeValue(body['rate'])}/${writeValue(body['per'])}`;
    default:
      return null;
  }
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
