/** Renders an explanation as text for the terminal. */
import { repeats } from '../../words/repeats.js';
import { formatEndpoint } from '../../model/address.js';
import type { Explanation, ExplainedRule, Prediction } from '../../model/explain.js';
import { answer } from '../../words/answer.js';
import { nameEngine } from '../../words/wiring.js';
import { listDevices, listGlobal, listOwnSockets } from '../layout/wiring.js';
import { hang as hangText } from './hang.js';
import { createPaint, type Role, type Sheet } from './paint.js';
import { padEnd, printable, wrap } from '../text.js';

export interface ExplainOptions {
  readonly columns: number;
  readonly color: boolean;
  /** Lists every rule that concerns the ports, not only those that stop a client. */
  readonly rules?: boolean;
}

export function renderExplanation(explanation: Explanation, options: ExplainOptions): string {
  const sheet = { columns: Math.max(40, options.columns), paint: createPaint(options.color) };
  const sections = [
    drawAnswer(explanation, sheet),
    drawFindings(explanation, sheet),
    drawPredictions(explanation.predictions, sheet),
    drawEngine(explanation, sheet),
    drawBridges(explanation, sheet),
    drawHost(explanation, sheet),
    options.rules === true ? drawRules(explanation.rules, sheet) : drawGuilty(explanation, sheet),
    drawProblems(explanation, sheet),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function hang(lead: string, text: string, sheet: Sheet, role: Role = 'plain'): string[] {
  return hangText(lead, printable(text), sheet, { text: role });
}

function drawAnswer(explanation: Explanation, sheet: Sheet): string[] {
  return answer(explanation).flatMap((line) =>
    wrap(printable(line), sheet.columns - 2).map((part, i) =>
      i === 0 ? sheet.paint('strong', part) : `  ${part}`,
    ),
  );
}

function drawEngine({ engine }: Explanation, sheet: Sheet): string[] {
  if (!engine) return [];
  return [
    sheet.paint('strong', printable(nameEngine(engine))),
    ...hang('  ', engine.because, sheet, 'dim'),
  ];
}

function drawBridges(explanation: Explanation, sheet: Sheet): string[] {
  const { bridges, containers, sockets } = explanation;
  return bridges.flatMap(({ name, addresses, members }) => {
    const own = listGlobal(addresses).map((address) => `  ${address}`);
    const lines = [sheet.paint('strong', printable(name)) + own.join('')];
    for (const [i, member] of members.entries()) {
      const last = i === members.length - 1;
      const { interface: port, ifindex, peerName, peerIfindex, container, address } = member;
      const end =
        peerIfindex === null
          ? ''
          : ` ↔ ${container ?? '?'}${tellGroup(containers.find((one) => one.name === container))}:${peerName ?? '?'} (${peerIfindex})${address === null ? '' : `  ${address}`}`;
      lines.push(...hang(last ? '└─ ' : '├─ ', `${port} (${ifindex})${end}`, sheet));
      const rail = last ? '      ' : '│     ';
      const owner = containers.find((one) => one.name === container);
      for (const { hostAddress, hostPort, containerPort, protocol } of owner?.published ?? []) {
        const text = `published ${formatEndpoint({ address: hostAddress, port: hostPort })} → ${containerPort}/${protocol}`;
        lines.push(...hang(rail, text, sheet));
      }
      for (const socket of sockets.filter(({ namespace }) => namespace === container)) {
        lines.push(...hang(rail, `listens ${tellSocket(socket)}`, sheet));
      }
    }
    return lines;
  });
}

/** The Compose service or the pod of a container. */
function tellGroup(container: Explanation['containers'][number] | undefined): string {
  const { compose, pod } = container ?? {};
  if (compose) return ` (compose ${compose.project}/${compose.service})`;
  return pod === undefined || pod === container?.name ? '' : ` (pod ${pod})`;
}

function tellSocket(socket: Explanation['sockets'][number]): string {
  const { address, protocol, pid, command, container } = socket;
  const inside = container === undefined ? '' : ` of ${container}`;
  const owner =
    command === null ? '' : ` by ${command}${pid === null ? '' : ` (pid ${pid})`}${inside}`;
  return `${address}/${protocol}${owner}`;
}

function drawHost(explanation: Explanation, sheet: Sheet): string[] {
  const lines = [
    ...listDevices(explanation).map(({ name, addresses }) => `${name} ${addresses.join(' · ')}`),
    ...explanation.relays.map(
      ({ pid, command, listens, target }) =>
        `${command} (pid ${pid})  ${listens} → ${target ?? '?'}`,
    ),
    ...listOwnSockets(explanation).map((socket) => `listens ${tellSocket(socket)}`),
  ];
  if (lines.length === 0) return [];
  return [sheet.paint('strong', 'host'), ...lines.flatMap((line) => hang('  ', line, sheet))];
}

function roleOf(path: Prediction['path']): Role {
  if (path === 'dropped' || path === 'refused') return 'bad';
  return path === 'unknown' ? 'unsure' : 'good';
}

function drawPredictions(predictions: readonly Prediction[], sheet: Sheet): string[] {
  if (predictions.length === 0) return [];
  const lines = [sheet.paint('strong', 'predicted paths')];
  for (const { from, to, path, way, why, sourceSeen, rule, obstacles } of predictions) {
    const shown = way !== null && way !== path ? `${path} (after ${way})` : path;
    const lead = `${from} → ${to}`;
    const room = Math.min(44, sheet.columns - 24);
    lines.push(`  ${padEnd(printable(lead), room)}  ${sheet.paint(roleOf(path), shown)}`);
    const seen = sourceSeen === null ? '' : `; the container sees ${sourceSeen}`;
    lines.push(...hang('      ', why + seen, sheet, 'dim'));
    if (rule !== null && !repeats(why, rule)) lines.push(...hang('      ', rule, sheet, 'nat'));
    for (const obstacle of obstacles) {
      if (!repeats(why, obstacle)) lines.push(...hang('      ! ', obstacle, sheet, 'bad'));
    }
  }
  return lines;
}

/** The rules that stop a client, and how many others there are. */
function drawGuilty({ rules, predictions }: Explanation, sheet: Sheet): string[] {
  const stopping = new Set(
    predictions.flatMap(({ path, rule }) =>
      rule !== null && (path === 'dropped' || path === 'refused') ? [rule] : [],
    ),
  );
  const guilty = rules.filter(({ rule }) => stopping.has(rule));
  const others = rules.length - guilty.length;
  const more = `${others} ${guilty.length > 0 ? 'more ' : ''}${others === 1 ? 'rule concerns' : 'rules concern'} it: see them with --rules`;
  return [
    ...drawRules(guilty, sheet, 'rules that stop it'),
    ...(others > 0 ? [sheet.paint('dim', more)] : []),
  ];
}

function drawRules(
  rules: readonly ExplainedRule[],
  sheet: Sheet,
  title = 'rules that concern it, in the order in which a packet meets them',
): string[] {
  if (rules.length === 0) return [];
  const lines = [sheet.paint('strong', title)];
  let place = '';
  for (const { backend, family, table, chain, rule, meaning, packets } of rules) {
    const here = `${table} ${chain} (${backend}, ${family})`;
    if (here !== place) lines.push(`  ${printable(here)}`);
    place = here;
    const count = packets === null ? '' : ` [${packets} packet${packets === 1 ? '' : 's'}]`;
    lines.push(...hang('    ', `${meaning}${count}`, sheet));
    lines.push(...hang('      ', rule, sheet, 'dim'));
  }
  return lines;
}

function drawFindings({ findings }: Explanation, sheet: Sheet): string[] {
  const roles = { error: 'bad', warning: 'unsure', note: 'plain' } as const;
  return findings.flatMap(({ code, severity, evidence, remedy }) => [
    ...hang(`${severity}: `, `${evidence} (${code})`, sheet, roles[severity]),
    ...hang('  fix: ', remedy, sheet),
  ]);
}

function drawProblems({ problems }: Explanation, sheet: Sheet): string[] {
  if (problems.length === 0) return [];
  const lines = problems.flatMap((problem) => hang('  ', problem, sheet, 'dim'));
  return [sheet.paint('strong', 'not known'), ...lines];
}
