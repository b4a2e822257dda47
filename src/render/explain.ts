/** An explanation as a tree for the terminal. */
import { repeats } from '../words/repeats.js';
import { formatEndpoint } from '../model/address.js';
import type { Explanation, ExplainedRule, Prediction } from '../model/explain.js';
import { answer } from './explain-answer.js';
import { createPaint, type Paint, type Role } from './terminal/paint.js';
import { padEnd, printable, wrap } from './text.js';

export interface ExplainOptions {
  readonly columns: number;
  readonly color: boolean;
  /** Lists every rule that concerns the ports; else those that stop a client. */
  readonly rules?: boolean;
}

export function renderExplanation(explanation: Explanation, options: ExplainOptions): string {
  const paint = createPaint(options.color);
  const columns = Math.max(40, options.columns);
  const sections = [
    drawAnswer(explanation, columns, paint),
    drawFindings(explanation, columns, paint),
    drawPredictions(explanation.predictions, columns, paint),
    drawEngine(explanation, columns, paint),
    drawBridges(explanation, columns, paint),
    drawHost(explanation, columns, paint),
    options.rules === true
      ? drawRules(explanation.rules, columns, paint)
      : drawGuilty(explanation, columns, paint),
    drawProblems(explanation, columns, paint),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** Wrapped text behind a lead on the first line. */
function hang(
  lead: string,
  text: string,
  columns: number,
  paint: Paint,
  role: Role = 'plain',
): string[] {
  const indent = ' '.repeat(lead.length);
  return wrap(printable(text), Math.max(20, columns - lead.length)).map(
    (line, i) => (i === 0 ? lead : indent) + paint(role, line),
  );
}

function drawAnswer(explanation: Explanation, columns: number, paint: Paint): string[] {
  return answer(explanation).flatMap((line) =>
    wrap(printable(line), columns - 2).map((part, i) =>
      i === 0 ? paint('strong', part) : `  ${part}`,
    ),
  );
}

function drawEngine({ engine }: Explanation, columns: number, paint: Paint): string[] {
  if (!engine) return [];
  const { version, firewall, userlandProxy, because } = engine;
  const words = [
    version === null ? 'Docker’s rules' : `engine ${version}`,
    firewall === null ? 'firewall not known' : `firewall ${firewall}`,
    userlandProxy === null
      ? 'userland-proxy not known'
      : `userland-proxy ${userlandProxy ? 'on' : 'off'}`,
  ];
  return [
    paint('strong', printable(words.join(' · '))),
    ...hang('  ', because, columns, paint, 'dim'),
  ];
}

function drawBridges(explanation: Explanation, columns: number, paint: Paint): string[] {
  const { bridges, containers, sockets } = explanation;
  return bridges.flatMap(({ name, addresses, members }) => {
    const lines = [
      paint('strong', printable(name)) +
        addresses
          .filter(isGlobal)
          .map((address) => `  ${address}`)
          .join(''),
    ];
    for (const [i, member] of members.entries()) {
      const last = i === members.length - 1;
      const { interface: port, ifindex, peerName, peerIfindex, container, address } = member;
      const end =
        peerIfindex === null
          ? ''
          : ` ↔ ${container ?? '?'}${tellGroup(containers.find((one) => one.name === container))}:${peerName ?? '?'} (${peerIfindex})${address === null ? '' : `  ${address}`}`;
      lines.push(...hang(last ? '└─ ' : '├─ ', `${port} (${ifindex})${end}`, columns, paint));
      const rail = last ? '      ' : '│     ';
      const owner = containers.find((one) => one.name === container);
      for (const { hostAddress, hostPort, containerPort, protocol } of owner?.published ?? []) {
        const text = `published ${formatEndpoint({ address: hostAddress, port: hostPort })} → ${containerPort}/${protocol}`;
        lines.push(...hang(rail, text, columns, paint));
      }
      for (const socket of sockets.filter(({ namespace }) => namespace === container)) {
        lines.push(...hang(rail, `listens ${tellSocket(socket)}`, columns, paint));
      }
    }
    return lines;
  });
}

/** The service of Compose or the pod that a container is known by. */
function tellGroup(container: Explanation['containers'][number] | undefined): string {
  const { compose, pod } = container ?? {};
  if (compose) return ` (compose ${compose.project}/${compose.service})`;
  return pod === undefined ? '' : ` (pod ${pod})`;
}

/** Link-local addresses are on every device and tell nothing. */
function isGlobal(address: string): boolean {
  return !/^fe80:/i.test(address);
}

function tellSocket(socket: Explanation['sockets'][number]): string {
  const { address, protocol, pid, command, container } = socket;
  const inside = container === undefined ? '' : ` of ${container}`;
  const owner =
    command === null ? '' : ` by ${command}${pid === null ? '' : ` (pid ${pid})`}${inside}`;
  return `${address}/${protocol}${owner}`;
}

function drawHost({ sockets, relays, host }: Explanation, columns: number, paint: Paint): string[] {
  const known = new Set(relays.map(({ pid }) => pid));
  const lines = [
    ...host.devices
      .filter(({ kind }) => kind !== 'bridge')
      .map(({ name, addresses }) => ({ name, shown: addresses.filter(isGlobal) }))
      .filter(({ shown }) => shown.length > 0)
      .map(({ name, shown }) => `${name} ${shown.join(' · ')}`),
    ...relays.map(
      ({ pid, command, listens, target }) =>
        `${command} (pid ${pid})  ${listens} → ${target ?? '?'}`,
    ),
    ...sockets
      .filter(({ namespace, pid }) => namespace === 'host' && !(pid !== null && known.has(pid)))
      .map((socket) => `listens ${tellSocket(socket)}`),
  ];
  if (lines.length === 0) return [];
  return [paint('strong', 'host'), ...lines.flatMap((line) => hang('  ', line, columns, paint))];
}

function roleOf(path: Prediction['path']): Role {
  if (path === 'dropped' || path === 'refused') return 'bad';
  return path === 'unknown' ? 'unsure' : 'good';
}

function drawPredictions(
  predictions: readonly Prediction[],
  columns: number,
  paint: Paint,
): string[] {
  if (predictions.length === 0) return [];
  const lines = [paint('strong', 'predicted paths')];
  for (const { from, to, path, way, why, sourceSeen, rule, obstacles } of predictions) {
    const shown = way !== null && way !== path ? `${path} (after ${way})` : path;
    const lead = `${from} → ${to}`;
    const room = Math.min(44, columns - 24);
    lines.push(`  ${padEnd(printable(lead), room)}  ${paint(roleOf(path), shown)}`);
    const seen = sourceSeen === null ? '' : `; the container sees ${sourceSeen}`;
    lines.push(...hang('      ', why + seen, columns, paint, 'dim'));
    if (rule !== null && !repeats(why, rule))
      lines.push(...hang('      ', rule, columns, paint, 'nat'));
    for (const obstacle of obstacles) {
      if (!repeats(why, obstacle)) lines.push(...hang('      ! ', obstacle, columns, paint, 'bad'));
    }
  }
  return lines;
}

/** The rules that stop a client, and how many others there are. */
function drawGuilty({ rules, predictions }: Explanation, columns: number, paint: Paint): string[] {
  const stopping = new Set(
    predictions.flatMap(({ path, rule }) =>
      rule !== null && (path === 'dropped' || path === 'refused') ? [rule] : [],
    ),
  );
  const guilty = rules.filter(({ rule }) => stopping.has(rule));
  const others = rules.length - guilty.length;
  const more = `${others} ${guilty.length > 0 ? 'more ' : ''}${others === 1 ? 'rule concerns' : 'rules concern'} it: see them with --rules`;
  return [
    ...drawRules(guilty, columns, paint, 'rules that stop it'),
    ...(others > 0 ? [paint('dim', more)] : []),
  ];
}

function drawRules(
  rules: readonly ExplainedRule[],
  columns: number,
  paint: Paint,
  title = 'rules that concern it, in the order in which a packet meets them',
): string[] {
  if (rules.length === 0) return [];
  const lines = [paint('strong', title)];
  let place = '';
  for (const { backend, family, table, chain, rule, meaning, packets } of rules) {
    const here = `${table} ${chain} (${backend}, ${family})`;
    if (here !== place) lines.push(`  ${printable(here)}`);
    place = here;
    const count = packets === null ? '' : ` [${packets} packet${packets === 1 ? '' : 's'}]`;
    lines.push(...hang('    ', `${meaning}${count}`, columns, paint));
    lines.push(...hang('      ', rule, columns, paint, 'dim'));
  }
  return lines;
}

function drawFindings({ findings }: Explanation, columns: number, paint: Paint): string[] {
  const roles = { error: 'bad', warning: 'unsure', note: 'plain' } as const;
  return findings.flatMap(({ code, severity, evidence, remedy }) => [
    ...hang(`${severity}: `, `${evidence} (${code})`, columns, paint, roles[severity]),
    ...hang('  fix: ', remedy, columns, paint),
  ]);
}

function drawProblems({ problems }: Explanation, columns: number, paint: Paint): string[] {
  if (problems.length === 0) return [];
  const lines = problems.flatMap((problem) => hang('  ', problem, columns, paint, 'dim'));
  return [paint('strong', 'not known'), ...lines];
}
