/** Writes an expression of nft's JSON as nft itself prints it in text. */

type Json = Record<string, unknown>;

/** `{"prefix": {"addr": "10.0.0.0", "len": 8}}` is 10.0.0.0/8. */
function writeValue(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(writeValue).join(',');
  if (!isRecord(value)) return JSON.stringify(value) ?? '';
  const { prefix, range, set, elem } = value;
  if (isRecord(prefix)) return `${writeValue(prefix['addr'])}/${writeValue(prefix['len'])}`;
  if (Array.isArray(range)) return range.map(writeValue).join('-');
  if (Array.isArray(set)) return `{ ${set.map(writeElement).join(', ')} }`;
  if (isRecord(elem)) return writeValue(elem['val']);
  return writeWords(value);
}

/** A map's elements are pairs. */
function writeElement(element: unknown): string {
  return Array.isArray(element) ? element.map(writeValue).join(' : ') : writeValue(element);
}

/** Writes an expression or statement; one of unknown form as its words in order. */
export function writeWords(value: unknown): string {
  if (!isRecord(value)) return writeValue(value);
  const entries = Object.entries(value);
  const [first] = entries;
  if (!first || entries.length !== 1) return spell(value);
  const [name, body] = first;
  if (body === null) return name;
  if (Array.isArray(body)) {
    if (name === 'concat') return body.map(writeWords).join(' . ');
    if (['&', '|', '^', '<<', '>>'].includes(name)) return body.map(writeWords).join(` ${name} `);
    return name === 'set' ? writeValue(value) : spell(value);
  }
  if (!isRecord(body)) return `${name} ${writeValue(body)}`;
  if (name === 'elem' || name === 'prefix') return writeValue(value);
  return writeNamed(name, body) ?? spell(value);
}

/** Writes names and values in order, without the punctuation of JSON. */
function spell(value: unknown): string {
  if (Array.isArray(value)) return value.map(spell).join(' ');
  if (!isRecord(value)) return value === null || value === true ? '' : writeValue(value);
  return Object.entries(value)
    .flatMap(([name, body]) => [name, spell(body)])
    .filter((word) => word !== '')
    .join(' ');
}

function writeNamed(name: string, body: Json): string | null {
  switch (name) {
    case 'meta': {
      const key = writeValue(body['key']);
      return /^[io]if/.test(key) ? key : `meta ${key}`;
    }
    case 'payload':
      return body['protocol'] === undefined
        ? `@${[body['base'], body['offset'], body['len']].map(writeValue).join(',')}`
        : `${writeValue(body['protocol'])} ${writeValue(body['field'])}`;
    case 'exthdr':
      return body['field'] === undefined
        ? `exthdr ${writeValue(body['name'])}`
        : `${writeValue(body['name'])} ${writeValue(body['field'])}`;
    case 'rt':
    case 'socket':
    case 'osf':
      return `${name} ${writeValue(body['key'])}`;
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
    case 'match':
      return writeMatch(body);
    case 'jump':
    case 'goto':
      return `${name} ${writeValue(body['target'])}`;
    case 'reject': {
      const kind = [body['type'], body['expr']].filter((part) => part !== undefined);
      return ['reject', ...(kind.length > 0 ? ['with', ...kind.map(writeValue)] : [])].join(' ');
    }
    case 'masquerade':
    case 'redirect':
    case 'dnat':
    case 'snat':
      return writeRewrite(name, body);
    case 'map':
    case 'vmap':
      return `${writeWords(body['key'])} ${name} ${writeValue(body['data'])}`;
    case 'xt':
      return `xt ${writeValue(body['type'])} ${writeValue(body['name'])}`;
    case 'mangle':
      return `${writeWords(body['key'])} set ${writeWords(body['value'])}`;
    case 'log':
      return body['prefix'] === undefined ? 'log' : `log prefix "${writeValue(body['prefix'])}"`;
    case 'limit':
      return writeLimit(body);
    case 'ct count':
    case 'quota': {
      const unit = body['val_unit'] === undefined ? '' : ` ${writeValue(body['val_unit'])}`;
      return `${name} ${body['inv'] === true ? 'over ' : ''}${writeValue(body['val'])}${unit}`;
    }
    case 'set': {
      const more = [body['stmt'] ?? []].flat().map((each) => ` ${writeWords(each)}`);
      return `${writeValue(body['op'])} ${writeValue(body['set'])} { ${writeWords(body['elem'])}${more.join('')} }`;
    }
    default:
      return null;
  }
}

function writeMatch({ op, left, right }: Json): string {
  const masked = isRecord(left) && '&' in left && op === '==';
  const shown = (op === '==' && !masked) || op === 'in' ? '' : `${writeValue(op)} `;
  const value = right === true ? 'exists' : right === false ? 'missing' : writeValue(right);
  return `${writeWords(left)} ${shown}${value}`;
}

/** `dnat ip to 172.17.0.2:6379`, `masquerade to :1024-65535 random` */
function writeRewrite(name: string, { family, addr, port, flags }: Json): string {
  const [address, number] = [addr, port].map((part) =>
    part === undefined ? '' : writeValue(part),
  );
  const bracketed = address?.includes(':') && number !== '' ? `[${address}]` : (address ?? '');
  const target = number === '' ? bracketed : `${bracketed}:${number}`;
  return [
    name,
    ...(family === undefined ? [] : [writeValue(family)]),
    ...(target === '' ? [] : ['to', target]),
    ...(flags === undefined ? [] : [writeValue(flags)]),
  ].join(' ');
}

function writeLimit({
  rate,
  rate_unit: unit,
  per,
  burst,
  burst_unit: burstUnit,
  inv,
}: Json): string {
  const size = unit === undefined || unit === 'packets' ? '' : ` ${writeValue(unit)}`;
  const more =
    burst === undefined || burst === 0
      ? ''
      : ` burst ${writeValue(burst)} ${writeValue(burstUnit ?? 'packets')}`;
  return `limit rate ${inv === true ? 'over ' : ''}${writeValue(rate)}${size}/${writeValue(per)}${more}`;
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
