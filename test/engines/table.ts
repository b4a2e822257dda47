/** Draws docs/engines.md: engine by vantage, with verdict and prediction, and a report of each engine. */
import type { Tried } from './try.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { select } from '../../src/app/selection.js';

/** What a run of one engine came to; plain data, so that later runs may be added. */
export interface EngineRow {
  readonly name: string;
  readonly title: string;
  readonly version: string;
  readonly vantages: readonly VantageRow[];
  /** The first connection as the terminal shows it. */
  readonly report: string;
}

export interface VantageRow {
  readonly name: string;
  readonly verdict: string;
  readonly proof: string;
  readonly container: string;
  readonly predicted: string;
  /** Why it is not as it has to be; `wrong` where that is more than too little. */
  readonly problems: readonly string[];
  readonly wrong: boolean;
}

const COLUMNS = 110;
const NONE = '–';

export function describeTried({ engine, version, results, report }: Tried): EngineRow {
  const first = results[0]?.finding.connection?.id;
  const shown = first === undefined ? report : select(report, { ...ALL, ids: [first] });
  return {
    name: engine.name,
    title: engine.title,
    version,
    vantages: results.map(describeVantage),
    report: renderTerminal(shown, { columns: COLUMNS }),
  };
}

const ALL = { paths: [], outcomes: [], ids: [], slowest: null };

function describeVantage({ vantage, finding }: Tried['results'][number]): VantageRow {
  const { connection, problems, wrong } = finding;
  const by = connection?.relay?.command;
  const way = connection?.path === 'relay' && by != null ? `relay (${by})` : connection?.path;
  return {
    name: vantage.name,
    verdict: connection ? `${way ?? ''}, ${connection.outcome}` : 'not seen',
    proof: connection?.proof ?? NONE,
    container: connection?.container?.name ?? NONE,
    predicted: describePrediction(connection?.predicted),
    problems,
    wrong: wrong.length > 0,
  };
}

type Predicted = NonNullable<Tried['report']['connections'][number]['predicted']>;

function describePrediction(predicted: Predicted | null | undefined): string {
  if (!predicted) return NONE;
  if (predicted.path === 'unknown') return 'unknown';
  return predicted.agrees === false ? `**wrong**: ${predicted.path}` : predicted.path;
}

export function drawDocument(
  rows: readonly EngineRow[],
  conditions: {
    readonly kernel: string;
    readonly bpftrace: string;
    /** Names of engines that have no row. */
    readonly missing: readonly string[];
    /** Whether all rows are from one run. */
    readonly whole: boolean;
  },
): string {
  const all = rows.flatMap(({ vantages }) => vantages);
  const wrong = all.filter((one) => one.wrong).length;
  const weaker = all.filter((one) => one.problems.length > 0 && !one.wrong).length;
  const lines = [
    '# Engines',
    '',
    'Written by `npm run engines`: the engines of Debian’s bookworm, trixie, sid and experimental, each in a root of its own, with the',
    'traffic of every vantage under a live trace. The mirror is the one that the machine’s apt uses; the roots are kept between runs. Podman,',
    'containerd and CNI have no API here: their containers are named by what keeps them and by their rules. What is true is known from how each',
    'engine was set up, from the client, which knows whether it was answered, and from the server, which tells the address that it saw.',
    '*container* is the name that the report gives. *predicted* is what `explain` says of the same client; *unknown* goes with its reason.',
    '',
    `Kernel ${conditions.kernel}, ${conditions.bpftrace}. ${all.length} connections, ${wrong} with a wrong verdict, ${weaker} with a weaker one than there should be.`,
    conditions.whole ? 'All of it is from one run.' : 'It is put together from several runs.',
    ...(conditions.missing.length > 0 ? [`Not tried: ${conditions.missing.join(', ')}.`] : []),
    '',
    '| engine | version | vantage | verdict | proof | container | predicted |',
    '|---|---|---|---|---|---|---|',
    ...rows.flatMap(drawRows),
    '',
    '## Reports',
    '',
    'What `trace-flow --port 20379` prints of the first connection with each of them.',
    ...rows.flatMap(({ title, version, report }) => [
      '',
      `### ${title} (${version})`,
      '',
      '```',
      report.trimEnd(),
      '```',
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

function drawRows({ title, version, vantages }: EngineRow): string[] {
  return vantages.map((one, index) => {
    const sign = one.wrong ? '**wrong**: ' : one.problems.length > 0 ? '**weaker**: ' : '';
    const cells = [
      ...[index === 0 ? title : '', index === 0 ? version : '', one.name],
      ...[`${sign}${one.verdict}`, one.proof, one.container, one.predicted],
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
}
