/** Runs the demo: sends real traffic over every path of a private Docker Engine, traces it, and reports it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeOutput } from '../host/output-file.js';
import type { Lab, LabContainer, Where } from '../lab/index.js';
import type { Explanation } from '../model/explain.js';
import type { Connection, Report } from '../model/report.js';
import { UserError } from '../model/errors.js';
import { focusReport } from '../prove/verdict/focus-report.js';
import { namePredicted } from '../words/seen.js';
import type { LiveTerminal } from './present.js';
import { createProgress } from './progress.js';
import { runTrace } from './trace.js';
import { DEFAULT_REQUEST } from './trace-request.js';

export interface DemoRequest {
  /** Folder for the pictures; created if missing. */
  readonly folder: string;
  readonly json: boolean;
  readonly bpftrace: string;
  readonly program: string;
}

/** One client of the demo and what it dials. */
interface Vantage {
  readonly name: string;
  /** File name of its picture. */
  readonly slug: string;
  readonly where: Where;
  readonly client: string;
  readonly address: string;
  readonly port: number;
  /** Milliseconds after which the client gives up. */
  readonly patience: number;
}

const PORT = 6379;
/** Also published, but a rule in DOCKER-USER drops its traffic. */
const DROPPED_PORT = 6380;
/** Vantages whose ladder is shown on the terminal; every vantage gets a picture. */
const SHOWN = ['outside', 'loopback'];

export async function runDemo(request: DemoRequest, terminal: LiveTerminal): Promise<number> {
  const stop = new AbortController();
  terminal.onInterrupt(() =>
    stop.abort(new UserError('the demo was interrupted', { code: 'interrupted', exit: 1 })),
  );
  const say = (line: string): void => terminal.err(`${line}\n`);
  const { cleanStale, up } = await import('../lab/index.js');
  for (const line of await cleanStale()) say(`removed what an earlier lab had left: ${line}`);
  const lab = await up({ signal: stop.signal, progress: say });
  try {
    const vantages = await furnish(lab, stop.signal);
    const report = await traceVantages(request, {
      lab,
      vantages,
      terminal,
      interrupted: stop.signal,
    });
    const told = vantages.map((vantage) => ({ vantage, one: findConnection(report, vantage) }));
    const map = await mapHost(lab, stop.signal);
    await present(request, { report, told, map }, terminal);
    return told.every(({ one }) => one?.proof === 'proven') ? 0 : 1;
  } finally {
    say('removing the lab');
    await lab.down();
  }
}

/** Starts the containers and lists the clients. */
async function furnish(lab: Lab, signal: AbortSignal): Promise<Vantage[]> {
  const { REDIS } = await import('../lab/index.js');
  const publish = [`${PORT}:6379`, `${DROPPED_PORT}:6380`];
  const waitFor = [{ protocol: 'tcp' as const, port: 6379 }];
  const redis = await lab.run({ name: 'redis', command: REDIS, publish, waitFor }, signal);
  const app = await lab.run({ name: 'app', command: ['sleep', '3600'] }, signal);
  const rule = ['-p', 'tcp', '--dport', '6380', '-j', 'DROP'];
  await lab.exec('host', ['iptables', '-I', 'DOCKER-USER', ...rule]);
  return listVantages(lab, redis, app);
}

/** The clients of the demo: each kind of client of a published port, and one that a firewall stops. */
function listVantages(lab: Lab, redis: LabContainer, app: LabContainer): Vantage[] {
  const own = lab.host.ipv4;
  const usual = { port: PORT, patience: 5_000 };
  const filtered = { port: DROPPED_PORT, patience: 500 };
  const outside = { where: 'client' as const, client: lab.client.ipv4, address: own };
  return [
    { name: 'from outside', slug: 'outside', ...outside, ...usual },
    {
      name: 'host to 127.0.0.1',
      slug: 'loopback',
      where: 'host',
      client: '127.0.0.1',
      address: '127.0.0.1',
      ...usual,
    },
    {
      name: 'host to own address',
      slug: 'own-address',
      where: 'host',
      client: own,
      address: own,
      ...usual,
    },
    {
      name: 'host to ::1',
      slug: 'loopback6',
      where: 'host',
      client: '::1',
      address: '::1',
      ...usual,
    },
    {
      name: 'container to gateway',
      slug: 'same-bridge',
      where: app,
      client: app.ipv4,
      address: app.gateway,
      ...usual,
    },
    {
      name: 'container to itself',
      slug: 'self',
      where: redis,
      client: redis.ipv4,
      address: redis.gateway,
      ...usual,
    },
    {
      name: 'container to container',
      slug: 'direct',
      where: app,
      client: app.ipv4,
      address: redis.ipv4,
      ...usual,
    },
    { name: 'dropped by a firewall', slug: 'dropped', ...outside, ...filtered },
  ];
}

interface Stage {
  readonly lab: Lab;
  readonly vantages: readonly Vantage[];
  readonly terminal: LiveTerminal;
  readonly interrupted: AbortSignal;
}

async function traceVantages(
  request: DemoRequest,
  { lab, vantages, terminal, interrupted }: Stage,
): Promise<Report> {
  const progress = createProgress({
    write: (text) => terminal.draw(text),
    terminal: terminal.interactive,
    hint: 'sending real traffic',
  });
  const done = new AbortController();
  const stop = AbortSignal.any([done.signal, interrupted]);
  let failure: unknown = null;
  const { report } = await runTrace(
    {
      ...DEFAULT_REQUEST,
      query: { ports: [PORT, DROPPED_PORT], protocol: 'tcp' },
      netns: lab.host.netns,
      dockerHost: lab.dockerHost,
      bpftrace: request.bpftrace,
      program: request.program,
    },
    {
      progress: {
        ...progress,
        ready: (ports, missing) => {
          progress.ready(ports, missing);
          sendAll(lab, vantages)
            .catch((error: unknown) => (failure = error))
            .finally(() => done.abort());
        },
      },
      onEvent: null,
      recorder: null,
      onConnection: null,
      wholeTrace: false,
      watches: false,
      stop,
      onReport: () => Promise.resolve(),
    },
  );
  interrupted.throwIfAborted();
  if (failure !== null) throw failure as Error;
  return report;
}

/** Sends one PING from every vantage, one at a time, so that the pictures do not mix. */
async function sendAll(lab: Lab, vantages: readonly Vantage[]): Promise<void> {
  for (const { where, address, port, patience } of vantages) {
    const command = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
    await lab.exec(where, command, { timeoutMs: patience, allowFailure: true });
  }
}

/** Maps the host after the trace, as `trace-flow explain` does. */
async function mapHost(lab: Lab, signal: AbortSignal): Promise<Explanation> {
  const { explain } = await import('./explain.js');
  const { dockerHost } = lab;
  return explain({ query: { ports: [PORT] }, netns: lab.host.netns, dockerHost, signal });
}

function findConnection(report: Report, { client, address, port }: Vantage): Connection | null {
  const found = report.connections.find(
    (one) =>
      one.client.address === client && one.server?.address === address && one.server.port === port,
  );
  return found ?? null;
}

type Told = readonly { readonly vantage: Vantage; readonly one: Connection | null }[];

async function present(
  request: DemoRequest,
  { report, told, map }: { report: Report; told: Told; map: Explanation },
  terminal: LiveTerminal,
): Promise<void> {
  const { renderSvg } = await import('../render/svg/svg.js');
  const { renderTopologySvg } = await import('../render/svg/map.js');
  await mkdir(request.folder, { recursive: true });
  const files: string[] = [];
  const write = async (name: string, picture: string): Promise<void> => {
    const file = join(request.folder, `${name}.svg`);
    await writeOutput(file, picture);
    files.push(file);
  };
  const draw = async (name: string, drawn: Report): Promise<void> =>
    write(name, await renderSvg(drawn));
  await write('map', await renderTopologySvg(map));
  await draw('all', report);
  for (const { vantage, one } of told) {
    if (one) await draw(vantage.slug, focusReport(report, [one.id]));
  }
  const { renderHtml } = await import('../render/html/html.js');
  const page = join(request.folder, 'report.html');
  await writeOutput(page, await renderHtml(report, map));
  if (request.json) {
    const { renderJson } = await import('../render/json.js');
    terminal.emit(renderJson(report));
  } else {
    const { renderTerminal } = await import('../render/terminal/terminal.js');
    const { columns, color } = terminal;
    terminal.out(drawTable(told));
    for (const { vantage, one } of told) {
      if (!one || !SHOWN.includes(vantage.slug)) continue;
      terminal.out(`\n${renderTerminal(focusReport(report, [one.id]), { columns, color })}`);
    }
  }
  terminal.err(`${files.length} pictures: ${files.join(', ')}\ninteractive: ${page}\n`);
}

const MARKS = new Map<boolean | null | undefined, string>([
  [true, '✔'],
  [false, '✘'],
]);

/** Marks whether the connection took the predicted path; if not, adds the prediction. */
function markPredicted({ predicted }: Connection): string {
  const mark = MARKS.get(predicted?.agrees) ?? '?';
  return predicted?.agrees === false ? `${mark} ${namePredicted(predicted)}` : mark;
}

/** A table of the path, outcome and proof for each client. */
function drawTable(told: Told): string {
  const proven = told.filter(({ one }) => one?.proof === 'proven').length;
  const rows = told.map(({ vantage, one }) => {
    const { name, address, port } = vantage;
    const dialled = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    if (!one) return [name, dialled, 'not seen', '', ''];
    const hook = one.nat?.hook ? ` (${one.nat.hook})` : '';
    return [name, dialled, `${one.path}${hook} ${markPredicted(one)}`, one.outcome, one.proof];
  });
  const head = ['client', 'dials', 'path (✔ predicted)', 'outcome', 'proof'];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    `How traffic gets into the container on port ${PORT}: ${proven} of ${told.length} clients proven`,
    '',
    line(head),
    line(widths.map((width) => '─'.repeat(width))),
    ...rows.map(line),
    '',
  ].join('\n');
}
