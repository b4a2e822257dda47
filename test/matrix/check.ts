/** Compares what a report says of a connection with what is true of it. */
import type { Connection, Report } from '../../src/model/report.js';
import type { Scenario, Sent, Truth } from './scenario.js';
import type { Stage } from './stage.js';

/** What became of one connection of a scenario. */
export interface Finding {
  readonly connection: Connection | null;
  /** What the report says that is not so, or does not say though it claims a proof; empty when all is well. */
  readonly problems: readonly string[];
  /** Those of them that no lost event excuses. */
  readonly wrong: readonly string[];
}

/** What a proven verdict's cause names, by path: a rule or policy, the process that takes it, a bridge, a setting. */
const STOPPED =
  /(?:the rule "|the policy of|route_localnet|ip_forward|nothing listens|listens on \S+ only|no route|no running container has)/;
const DECIDING: Readonly<Record<Connection['path'], RegExp>> = {
  dnat: either(/the rule "/, /a DNAT rule matches/, STOPPED),
  'docker-proxy': /docker-proxy(?: \(pid \d+\)|, where it listens on)/,
  relay: /\(pid \d+\)|where it listens on/,
  direct: either(/over the bridge \S+/, STOPPED),
  host: either(/listens (?:on|there)/, STOPPED),
  unknown: STOPPED,
};

function either(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => source).join('|'));
}

const RANK = { inconclusive: 0, likely: 1, proven: 2 } as const;

/** What a trace has brought, and what the machine knows beside it. */
export interface Seen {
  readonly stage: Pick<Stage, 'fill'>;
  readonly report: Report;
  /** By published port: pids of its docker-proxies. */
  readonly relays: ReadonlyMap<number, readonly number[]>;
}

/** @param all everything that the scenario sent, in order: a client port may have been used again. */
export function check(
  { stage, report, relays }: Seen,
  scenario: Scenario,
  sent: Sent,
  all: readonly Sent[],
): Finding {
  const truth = sent.truth ?? scenario.truth;
  const problems = checkSetUp(stage, truth, sent);
  const alike = all.filter(
    ({ protocol, port }) => protocol === sent.protocol && port === sent.port,
  );
  const found = report.connections.filter(
    ({ protocol, client }) => protocol === sent.protocol && client.port === sent.port,
  );
  const connection = found[alike.indexOf(sent)];
  if (!connection || found.length !== alike.length) {
    problems.push(`${found.length} connections from port ${sent.port}, not ${alike.length}`);
    return { connection: connection ?? null, problems, wrong: [] };
  }
  const wrong = comparePaths(truth, connection);
  const told = compare(truth, sent, connection);
  if (sent.bytes && truth.outcome === 'answered' && connection.proof !== 'inconclusive') {
    told.push(...compareBytes(sent.bytes, connection.bytes, report));
  }
  problems.push(...wrong, ...told);
  // What is called proven leaves no room for excuses.
  if (connection.proof === 'proven') wrong.push(...told);
  if (truth.relay === 'docker-proxy' && connection.relay?.pid != null) {
    const pids = sent.relays ?? relays.get(connection.server?.port ?? 0) ?? [];
    const { pid } = connection.relay;
    if (!pids.includes(pid)) problems.push(`relay: pid ${pid}, true is one of ${pids.join(', ')}`);
  }
  if (scenario.unpredictable !== true) {
    problems.push(...checkPrediction(scenario, sent, connection));
  }
  const { atLeast } = scenario;
  const excused = atLeast?.whenSkipped !== true || report.coverage.skippedRuns !== undefined;
  const least = (excused && atLeast?.proof) || 'proven';
  if (RANK[connection.proof] < RANK[least]) problems.push(`only ${connection.proof}`);
  if (problems.length > 0) problems.push(`its reason: ${connection.reason}`);
  return { connection, problems, wrong };
}

/** What was predicted is what came, or it says that it cannot tell, and why. */
function checkPrediction(scenario: Scenario, { seen }: Sent, connection: Connection): string[] {
  const { predicted, proof, server } = connection;
  if (!predicted) {
    return proof === 'proven' && server !== null ? ['nothing was predicted'] : [];
  }
  const { path, agrees, sourceSeen, why } = predicted;
  if (path === 'unknown') return why === '' ? ['predicted: unknown, without a reason'] : [];
  const problems: string[] = [];
  const { beyondRules } = scenario;
  const apart = beyondRules
    ? agrees !== beyondRules.agrees
    : agrees === false || (agrees === null && proof === 'proven');
  if (apart) {
    problems.push(`predicted by the rules (agrees: ${String(agrees)}): ${path}, ${why}`);
  }
  // Rules tell what the host's own process sees, not what one sees that it hands on to.
  const told = connection.path === 'relay' ? null : sourceSeen;
  if (seen !== null && told !== null && addressOf(seen) !== told) {
    problems.push(`predicted that ${told} is seen, the server saw ${seen}`);
  }
  return problems;
}

function addressOf(endpoint: string): string {
  return endpoint.replace(/^\[?(.*?)\]?:\d+$/, '$1');
}

/** The truth itself is checked against what client and server know. */
function checkSetUp(stage: Seen['stage'], truth: Truth, sent: Sent): string[] {
  const problems: string[] = [];
  if (sent.answered !== (truth.outcome === 'answered')) {
    problems.push(`set-up: the client was ${sent.answered ? '' : 'not '}answered`);
  }
  const seen = sent.seen === null ? undefined : addressOf(sent.seen);
  if (truth.source !== undefined && seen !== stage.fill(truth.source)) {
    problems.push(`set-up: the server saw ${sent.seen ?? 'nobody'}`);
  }
  return problems;
}

type Expect = (what: string, told: string | null | undefined, is: string | null) => void;

/** An inconclusive verdict may leave out; it must not say what is not so. */
function expectOf({ proof }: Connection, problems: string[]): Expect {
  return (what, told, is) => {
    const silent = told === null || told === undefined || told === 'unknown';
    if (silent ? proof !== 'inconclusive' && is !== null : told !== is) {
      problems.push(`${what}: says ${told ?? 'nothing'}, true is ${is ?? 'none'}`);
    }
  };
}

function comparePaths(truth: Truth, connection: Connection): string[] {
  const problems: string[] = [];
  const { path, nat, container, relay, relays } = connection;
  const expect = expectOf(connection, problems);
  expect('path', path, truth.path);
  expect('hook', nat?.hook, truth.hook ?? null);
  expect('container', container?.name, truth.container);
  expect('relay', relay?.command, truth.relay ?? null);
  const chain = (relays ?? [relay]).flatMap((one) => one?.command ?? []);
  if (truth.relays) expect('chain', chain.join(', '), truth.relays.join(', '));
  return problems;
}

function compare(truth: Truth, sent: Sent, connection: Connection): string[] {
  const problems: string[] = [];
  const { path, proof, outcome, drop, why, reason } = connection;
  const expect = expectOf(connection, problems);
  expect('outcome', outcome, truth.outcome);
  expect('drop', drop?.reason, truth.drop?.reason ?? null);
  if (sent.address !== '' && connection.client.address !== sent.address) {
    problems.push(`client: says ${connection.client.address}, true is ${sent.address}`);
  }
  if (proof === 'inconclusive') return problems;
  if (truth.drop?.function && !truth.drop.function.test(drop?.function ?? '')) {
    problems.push(`drop: at ${drop?.function ?? 'nowhere'}`);
  }
  if (truth.drop?.after !== undefined && drop?.after !== truth.drop.after) {
    problems.push(`drop: after ${drop?.after ?? 'no device'}, true is ${truth.drop.after}`);
  }
  if (sent.seen !== null) expect('source seen', sourceSeen(connection), sent.seen);
  if (truth.says && !truth.says.test(`${reason}\n${why ?? ''}`)) {
    problems.push(`says nothing of ${String(truth.says)}: ${why ?? 'no cause'}`);
  }
  if (proof === 'proven' && !(truth.decides ?? DECIDING[path]).test(why ?? '')) {
    problems.push(`the cause names nothing that decides: ${why ?? 'none'}`);
  }
  return problems;
}

/** Fewer bytes than there were are excused where the report says that packets may be missing; more never are. */
function compareBytes(
  is: Connection['bytes'],
  told: Connection['bytes'],
  { coverage }: Report,
): string[] {
  const differs = (way: keyof Connection['bytes']): boolean =>
    coverage.skippedRuns === undefined ? told[way] !== is[way] : told[way] > is[way];
  if (!differs('fromClient') && !differs('fromServer')) return [];
  return [`bytes: says ${formatBytes(told)}, true is ${formatBytes(is)}`];
}

/** The client as the container sees it, by the report: `address:port`. */
function sourceSeen({ relay, relays, nat, client }: Connection): string | null {
  const last = relays?.at(-1) ?? relay;
  if (last) return last.client ? format(last.client) : null;
  // From the container's address to the one that it answers.
  if (nat) return nat.reply.split(' → ')[1] ?? null;
  return format(client);
}

function format({ address, port }: Connection['client']): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function formatBytes({ fromClient, fromServer }: Connection['bytes']): string {
  return `${fromClient} B and ${fromServer} B back`;
}
