/** Joins the chosen probe files into one bpftrace program and fills in the flow's ports, budget and relays. */
import type { ProbeFile } from './probe-file.js';
import { findSlice } from './probes/index.js';
import type { Counting } from './counting.js';

export interface ProgramParameters {
  /** TCP and UDP ports of the flow on either side; at least one. */
  readonly ports: readonly number[];
  /** Packets (or calls) printed per direction, device and connection; later ones are not printed. */
  readonly budget: number;
  /** Processes that are already known to relay the flow. */
  readonly relays: readonly number[];
  /** The tracer's own process, whose seals look like a relay's work. */
  readonly owner: number;
  /**
   * A connection attempt to this port (one of `ports`) freezes the program: nothing is counted any more, and only the
   * totals and the line E are printed. @printed then says exactly how many lines must have come.
   */
  readonly finalPort: number;
  /** Whether to look into tunnels' packets; left out: yes. It costs up to 70 ns for each packet of others. */
  readonly tunnels?: boolean;
  /** How the lines are counted, see counting.ts. */
  readonly counting: Counting;
  /** Ends every line whose last field is the name of a task, which cannot forge it: a word that nobody can guess. */
  readonly mark: string;
}

/** The line in every probe file that decides whether a packet, socket or call belongs to the flow; a map may widen it. */
export const FILTER =
  /if \(\$sport == \$1 \|\| \$dport == \$1 \|\| \$sport == \$2 \|\| \$dport == \$2( \|\| @\w+\[[^\]]+\])?\) \{ \/\/ flow filter/g;

/** The line that decides whether a call elsewhere, or the sums of a closed socket, are reported. */
const OTHER_FILTER = /if \((.*)\) \{ \/\/ (?:aside|sum) filter/g;
/** The same in the hop programs' quick check of every packet: it need not know whether the program is frozen. */
const GLANCE =
  /if \(!\(\$sport == \$1 \|\| \$dport == \$1 \|\| \$sport == \$2 \|\| \$dport == \$2\)\) \{ \/\/ glance filter/g;

/** The part of the hop programs that looks into tunnels' packets. */
const TUNNELS =
  / {4}if \([^\n]*\/\/ tunnel filter\n[\s\S]*?\/\/ end of outer\n[\s\S]*?\n {4}\}\n(?= {4}return;)/g;

/** How a line ends whose last field is the name of a task. */
const NAME_END = String.raw`%s .\n"`;

/** Up to this many ports are compared one by one, which costs less than two map look-ups. */
const PORTS_INLINE = 8;

/** The program's text. Throws RangeError when a port, pid or budget is not a sane number. */
export function assembleProgram(
  files: readonly ProbeFile[],
  parameters: ProgramParameters,
): string {
  const { ports, budget, relays, owner, finalPort, counting, mark, tunnels = true } = parameters;
  checkNumbers('port', [...ports, finalPort], 65535);
  checkNumbers('pid', [...relays, owner], 2 ** 22);
  checkNumbers('budget', [budget], 1e6);
  if (ports.length === 0) throw new RangeError('a program needs at least one port');

  const inline = ports.length <= PORTS_INLINE;
  const condition = inline
    ? ports.map((port) => `$sport == ${port} || $dport == ${port}`).join(' || ')
    : '@port[$sport] || @port[$dport]';
  const final = `\n    if ($dport == ${finalPort}) {\n      @final = (uint64)1;\n    }`;
  const bodies = files.map((file) =>
    withoutBlock(withoutBlock(withoutHeader(file.text), 'BEGIN'), 'END')
      .replaceAll(TUNNELS, (block) => (tunnels ? block : ''))
      .replaceAll(
        FILTER,
        (_, wider: string | undefined) =>
          `if ((${condition}${wider ?? ''}) && @final == 0) {${findSlice(file.name)?.freezes ? final : ''}`,
      )
      .replaceAll(OTHER_FILTER, 'if (@final == 0 && $1) {')
      .replaceAll(GLANCE, `if (!(${condition})) {`)
      .replaceAll(/^( *)printf\(/gm, `$1${countLine(counting)}\n$1printf(`)
      .replaceAll(NAME_END, `%s ${mark}\\n"`)
      .replaceAll(/\$3\b/g, String(budget)),
  );
  const body = bodies.join('\n');
  const follows = counting.kind !== 'end' && budget > LEAST && body.includes('@most');
  const load = follows ? ['@told', '@rate', '@calm', '@tick', '@since'] : [];
  const begin = [
    ...(body.includes('@most') ? [`@most = (uint64)${budget};`] : []),
    ...load.map((map) => `${map} = (uint64)0;`),
    ...(inline ? [] : ports.map((port) => `@port[(uint64)${port}] = (uint64)1;`)),
    ...(body.includes('@relay[')
      ? [
          ...relays.map((pid) => `@relay[(uint64)${pid}] = (uint64)1;`),
          `@relay[(uint64)${owner}] = (uint64)2;`,
        ]
      : []),
    'printf("B %lx\\n", nsecs);',
  ];
  const printed = [...new Set(body.match(/@(packets|bytes|total|read|written|asides|printed)\b/g))];
  const scratch = [...new Set(files.flatMap((file) => clearedMaps(file.text)))];
  const report = [...printed.map((map) => `print(${map});`), 'printf("E %lx\\n", nsecs);'];
  const last = [...printed, ...scratch, ...load, ...(inline ? [] : ['@port']), '@final'];
  return [
    block('BEGIN', begin),
    body,
    ...(body.includes('@printed') ? tellCount(counting, budget, follows) : []),
    block('interval:ms:20\n/@final == 1/', ['@final = (uint64)2;', ...report]),
    block(
      'END',
      last.map((map) => `clear(${map});`),
    ),
  ].join('\n');
}

/** Milliseconds between two lines that tell the count. */
const COUNT_EVERY = 200;
/** Milliseconds between two looks at how many lines were printed. */
const LOOK_EVERY = 50;
/** Lines in that time, smoothed over some looks, from which only few packets are listed, and below which it is calm. */
const MANY = 750;
const FEW = 250;
/** Looks over which it is smoothed. */
const SMOOTH = 4;
/** Looks for which it must stay calm until all are listed again. */
const CALM = 20;
/** Packets listed per direction and device meanwhile. */
const LEAST = 1;

/** Stands before every printf: a line is counted before its time is taken, on which LineLedger relies. */
function countLine({ kind }: Counting): string {
  return kind === 'keyed' ? '@printed[cpu] = @printed[cpu] + 1;' : '@printed = count();';
}

/** Adds up how many lines were printed so far; null where bpftrace cannot read that while it runs. */
function sumLines(counting: Counting): readonly string[] | null {
  if (counting.kind === 'end') return null;
  if (counting.kind === 'cast') return ['$n = (uint64)@printed;'];
  const cpus = Array.from({ length: counting.cpus }, (_, at) => at);
  return ['$n = (uint64)0;', ...cpus.map((cpu) => `$n = $n + @printed[${cpu}];`)];
}

/**
 * C time count time [budget since]: how many lines were printed, and the times before and after that was read. While
 * very many are printed, the budget is lowered; the line repeats since when. A lower budget counts from before it is
 * set, a higher one from after.
 */
function tellCount(counting: Counting, budget: number, follows: boolean): string[] {
  const sum = sumLines(counting);
  if (sum === null) return [];
  if (!follows) {
    const lines = ['$t = nsecs;', ...sum, 'printf("C %lx %lx %lx\\n", $t, $n, nsecs);'];
    return [block(`interval:ms:${COUNT_EVERY}\n/@final == 0/`, lines)];
  }
  const lines = [
    '$t = nsecs;',
    ...sum,
    `$rate = (@rate * ${SMOOTH - 1} + $n - @told) / ${SMOOTH};`,
    '@rate = $rate;',
    '@told = $n;',
    '@calm = @calm + (uint64)1;',
    '@tick = @tick + (uint64)1;',
    `if ($rate >= ${FEW}) {`,
    '  @calm = (uint64)0;',
    '}',
    `if ($rate >= ${MANY} && @most != ${LEAST}) {`,
    '  @since = $t;',
    `  @most = (uint64)${LEAST};`,
    '  @tick = (uint64)0;',
    '}',
    `if (@calm >= ${CALM} && @most != ${budget}) {`,
    `  @most = (uint64)${budget};`,
    '  @since = nsecs;',
    '  @tick = (uint64)0;',
    '}',
    `if (@tick % ${COUNT_EVERY / LOOK_EVERY} == 0) {`,
    '  printf("C %lx %lx %lx %lx %lx\\n", $t, $n, nsecs, @most, @since);',
    '}',
  ];
  return [block(`interval:ms:${LOOK_EVERY}\n/@final == 0/`, lines)];
}

function checkNumbers(what: string, values: readonly number[], most: number): void {
  for (const value of values) {
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new RangeError(`${what} ${value} is not a whole number from 1 to ${most}`);
    }
  }
}

function withoutHeader(text: string): string {
  return text.replace(/^#!.*\n/, '').replace(/^\/\*[\s\S]*?\*\/\n/, '');
}

const blockPattern = (name: string): RegExp =>
  new RegExp(`^${name}\\n\\{\\n([\\s\\S]*?)^\\}\\n`, 'm');

function withoutBlock(text: string, name: string): string {
  return text.replace(blockPattern(name), '');
}

/** Maps that a probe file clears at its end, so that bpftrace does not print them. */
function clearedMaps(text: string): string[] {
  const end = blockPattern('END').exec(text)?.[1] ?? '';
  return [...end.matchAll(/clear\((@\w+)\)/g)].map((match) => match[1] ?? '');
}

function block(name: string, lines: readonly string[]): string {
  return `${name}\n{\n${lines.map((line) => `  ${line}`).join('\n')}\n}\n`;
}
