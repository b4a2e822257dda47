/** Routes at random in a namespace: for every packet the kernel (`ip route get`) and the evaluator say the same. */
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { runCommand } from '../../../src/host/command.js';
import { readSettings } from '../../../src/host/settings.js';
import { findInput } from '../../../src/rules/evaluate/routing/input.js';
import {
  lookUpRoute,
  type RouteDecision,
  type RouteQuery,
} from '../../../src/rules/evaluate/routing/lookup.js';
import { randomizer } from '../../decode/frames.js';
import { findLiveObstacle } from '../../support/live.js';
import { suite } from '../../support/suite.js';

const test = suite('routing beside the kernel, live');
test.skipUnless(findLiveObstacle());

const NAME = `tf-routing-${process.pid}`;
const ROUNDS = Number(process.env['TRACE_FLOW_ROUNDS'] ?? 12);
const PACKETS = 25;

test.before(async () => {
  await ip('netns', 'add', NAME);
  await inside(
    [
      'ip link set lo up',
      ...[0, 1, 2].flatMap((i) => [
        `ip link add d${i} type veth peer name p${i}`,
        `ip link set d${i} up`,
        `ip link set p${i} up`,
        `ip addr add 10.${i}.0.1/24 dev d${i}`,
        `ip -6 addr add 2001:db8:${i}::1/64 dev d${i} nodad`,
      ]),
      'ip addr add 10.1.0.77/32 dev d2',
      'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1',
    ].join('\n'),
  );
});

test.after(async () => {
  await ip('netns', 'del', NAME);
});

for (const family of [4, 6] as const) {
  test(`IPv${family}: ${ROUNDS} rounds of rules and routes, ${PACKETS} packets each`, async () => {
    let compared = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const dice = randomizer(seed * 7919 + family);
      const made = makeRound(dice, family);
      await inside(`${made.commands.join('\n')}\ntrue`);
      try {
        compared += await comparePackets(dice, family, `seed ${seed}: ${made.commands.join('; ')}`);
      } finally {
        await inside(`${made.undo.join('\n')}\ntrue`);
      }
    }
    assert.ok(compared >= (ROUNDS * PACKETS * 3) / 4, `${compared} packets were compared`);
  });
}

async function comparePackets(
  dice: (below: number) => number,
  family: 4 | 6,
  round: string,
): Promise<number> {
  const { routing, values } = await readSettings(runCommand, `/run/netns/${NAME}`);
  if (!routing || !values) throw new Error('the routing could not be read');
  const flows = Array.from({ length: PACKETS }, () => makeFlow(dice, family));
  const words = await Promise.all(flows.map(askKernel));
  let compared = 0;
  for (const [i, flow] of flows.entries()) {
    let open = false;
    const ask = (): boolean => {
      open = true;
      return false;
    };
    const mine =
      flow.inDevice === 'lo'
        ? write(lookUpRoute(routing, flow, ask))
        : writeInput(findInput(routing, values, flow, ask));
    if (open || mine === null) continue;
    const real = words[i] ?? '';
    assert.ok(
      mine.includes(real),
      `${JSON.stringify(flow)}: kernel ${real}, here ${mine.join(' or ')} (${round})`,
    );
    compared += 1;
  }
  return compared;
}

function writeInput(input: ReturnType<typeof findInput>): string[] | null {
  if (input.kind === 'route') return write(input.decision);
  return input.martian.code === 'unknown' ? null : ['invalid'];
}

/** As {@link askKernel} writes it; more than one for a multipath route. */
function write(decision: RouteDecision): string[] | null {
  if (decision.kind === 'none') return ['unreachable'];
  if (decision.kind === 'refused') {
    const names = { blackhole: 'invalid', unreachable: 'unreachable', prohibit: 'prohibited' };
    return [names[decision.how]];
  }
  if (decision.route.type === 'local') return ['local'];
  if (decision.route.type !== 'unicast') return null;
  return decision.hops.map(({ device, gateway }) => `${device ?? ''} via ${gateway ?? 'link'}`);
}

async function askKernel(flow: RouteQuery): Promise<string> {
  const { family, source, destination, inDevice, mark } = flow;
  const words = [
    ...[`-${family}`, '-j', 'route', 'get', destination],
    ...(source === null ? [] : ['from', source]),
    ...(inDevice === 'lo' ? [] : ['iif', inDevice]),
    ...(mark ? ['mark', String(mark)] : []),
    ...['ipproto', 'tcp', 'sport', String(flow.sourcePort), 'dport', String(flow.destinationPort)],
  ];
  const options = { reject: false } as const;
  const result = await execa('nsenter', [`--net=/run/netns/${NAME}`, 'ip', ...words], options);
  const said = result.stderr;
  if (/Invalid argument|Invalid cross-device link/.test(said)) return 'invalid';
  if (/unreachable|No route to host/.test(said)) return 'unreachable';
  if (/Permission denied|prohibited/i.test(said)) return 'prohibited';
  const [answer] = JSON.parse(result.stdout || '[]') as {
    readonly [key: string]: unknown;
  }[];
  const type = answer?.['type'];
  if (type === 'local') return 'local';
  if (type === 'blackhole') return 'invalid';
  if (type === 'prohibit') return 'prohibited';
  if (type === 'unreachable') return 'unreachable';
  const via = answer?.['gateway'] ?? (answer?.['via'] as { host?: unknown } | undefined)?.host;
  return `${word(answer?.['dev'])} via ${word(via ?? 'link')}`;
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function makeFlow(dice: (below: number) => number, family: 4 | 6): RouteQuery {
  const address = (): string => {
    const net = dice(6);
    return family === 4 ? `10.${net}.0.${2 + dice(3)}` : `2001:db8:${net}::${2 + dice(3)}`;
  };
  const local = dice(2) === 0;
  const own = family === 4 ? `10.${dice(3)}.0.1` : `2001:db8:${dice(3)}::1`;
  const bound = dice(2) === 0 ? own : null;
  return {
    family,
    protocol: 'tcp',
    destination: dice(8) === 0 ? own : address(),
    source: local ? bound : dice(8) === 0 ? own : address(),
    sourcePort: 4000 + dice(3),
    destinationPort: 80 + dice(3),
    outDevice: null,
    // Asked about what comes in, IPv6's command has no user's number, and IPv4's has root's.
    user: family === 6 && !local ? -1 : 0,
    inDevice: local ? 'lo' : `d${dice(3)}`,
    mark: dice(3),
  };
}

interface Round {
  readonly commands: string[];
  readonly undo: string[];
}

function makeRound(dice: (below: number) => number, family: 4 | 6): Round {
  const commands: string[] = [];
  const undo: string[] = [];
  const both = (what: string, add: string, text: string, remove = 'del'): void => {
    commands.push(`ip -${family} ${what} ${add} ${text}`);
    undo.push(`ip -${family} ${what} ${remove} ${text}`);
  };
  const network = (): string => {
    const net = dice(6);
    if (family === 6) return dice(3) === 0 ? `2001:db8:${net}::/48` : `2001:db8:${net}::3/128`;
    return dice(3) === 0 ? `10.${net}.0.0/16` : `10.${net}.0.${2 + dice(3)}/32`;
  };
  const gateway = (i: number): string =>
    family === 4 ? `via 10.${i}.0.${9 - i} dev d${i}` : `via 2001:db8:${i}::${9 - i} dev d${i}`;
  const tables = ['main', '100', '101'];
  const count = 3 + dice(5);
  for (let i = 0; i < count; i++) {
    const table = tables[dice(3)] ?? 'main';
    const metric = 1 + i;
    const target = dice(4) === 0 ? 'default' : network();
    const kind = dice(8);
    const how =
      kind === 0
        ? ['blackhole', 'unreachable', 'prohibit', 'throw'][dice(4)]
        : kind === 1
          ? 'multi'
          : 'plain';
    const device = dice(3);
    const text =
      how === 'plain'
        ? `${target} ${dice(3) === 0 ? `dev d${device}` : gateway(device)} table ${table} metric ${metric}`
        : how === 'multi'
          ? `${target} table ${table} metric ${metric} nexthop ${gateway(0)} nexthop ${gateway(1)}`
          : `${how} ${target} table ${table} metric ${metric}`;
    both('route', 'add', text);
  }
  const selectors = [
    () => `from ${network()}`,
    () => `to ${network()}`,
    () => `fwmark 0x${1 + dice(2)}`,
    () => `iif d${dice(3)}`,
    () => 'iif lo',
    () => `ipproto tcp dport ${80 + dice(3)}`,
    () => `sport ${4000 + dice(3)}`,
    () => `not fwmark 0x${1 + dice(2)}`,
    () => 'uidrange 0-0',
    () => 'uidrange 1000-2000',
  ];
  const rules = dice(5);
  for (let i = 0; i < rules; i++) {
    const selector = selectors[dice(selectors.length)]?.() ?? '';
    const action = dice(10);
    const what =
      action === 0
        ? ['blackhole', 'unreachable', 'prohibit'][dice(3)]
        : action === 1
          ? 'goto 32766'
          : action === 2
            ? 'lookup main suppress_prefixlength 0'
            : action === 3 && family === 4
              ? 'nop'
              : `lookup ${tables[dice(3)] ?? 'main'}`;
    both('rule', 'add', `pref ${100 + i} ${selector} ${what ?? ''}`);
  }
  if (family === 4) {
    const device = dice(3);
    for (const [name, value] of [
      ['rp_filter', dice(3)],
      ['src_valid_mark', dice(2)],
      ['accept_local', dice(4) === 0 ? 1 : 0],
    ] as const) {
      commands.push(`sysctl -qw net.ipv4.conf.d${device}.${name}=${value}`);
      undo.push(`sysctl -qw net.ipv4.conf.d${device}.${name}=0`);
    }
  }
  return { commands, undo: undo.reverse() };
}

async function ip(...words: string[]): Promise<void> {
  await execa('ip', words);
}

async function inside(script: string): Promise<void> {
  await execa('nsenter', [`--net=/run/netns/${NAME}`, 'sh', '-s'], { input: script });
}

test.run();
