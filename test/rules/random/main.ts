/**
 * Rule sets at random, each loaded into a namespace of its own and tried with real traffic: `npm run rules:random -- 1 200` for the
 * seeds 1 to 200. What nft and iptables-save then list is what is read. Needs root, nft, iptables and iproute2.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { joinRuleSets, type RuleSet } from '../../../src/model/rules.js';
import type { Prediction, Vantage } from '../../../src/model/explain.js';
import { predictAttempt } from '../../../src/rules/evaluate/predict.js';
import { writeForecast } from '../../../src/words/predictions/forecast.js';
import { RuleIndex } from '../../../src/rules/evaluate/rule-index.js';
import type { World } from '../../../src/rules/evaluate/world.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { addToOthers, parseNft } from '../../../src/rules/read/nft.js';
import { makeNft, makeSaved } from './make.js';
import { makeWide } from './wide.js';
import type { Told } from './talk.js';

const TALK = fileURLToPath(new URL('talk.js', import.meta.url));
const PATIENCE = 700;
const UNHURRIED = 4_000;

const names = {
  client: `tfr-c${process.pid}`,
  host: `tfr-h${process.pid}`,
  server: `tfr-s${process.pid}`,
};
type Place = keyof typeof names;

function run(command: string, input = ''): string {
  return execFileSync('sh', ['-ec', command], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

const inside = (place: Place, command: string, input = ''): string =>
  run(`ip netns exec ${names[place]} ${command}`, input);

/** A client, a host with a bridge, and a server on it, as an engine would wire them. */
function build(): void {
  const { client: c, host: h, server: s } = names;
  run(`
    for n in ${c} ${h} ${s}; do ip netns add $n; ip -n $n link set lo up; done
    ip link add ext0 netns ${h} type veth peer name eth0 netns ${c}
    ip -n ${h} link add docker0 type bridge
    ip link add veth1 netns ${h} type veth peer name eth0 netns ${s}
    ip -n ${h} link set veth1 master docker0
    ip -n ${c} addr add 198.51.100.2/24 dev eth0
    ip -n ${h} addr add 198.51.100.1/24 dev ext0
    ip -n ${h} addr add 172.17.0.1/16 dev docker0
    ip -n ${s} addr add 172.17.0.2/16 dev eth0
    for x in "${c} eth0" "${h} ext0" "${h} veth1" "${h} docker0" "${s} eth0"; do set -- $x; ip -n $1 link set $2 up; done
    ip -n ${c} route add default via 198.51.100.1
    ip -n ${s} route add default via 172.17.0.1
    ip netns exec ${h} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.ext0.rp_filter=0 net.ipv4.conf.docker0.rp_filter=0
  `);
}

function clean(): void {
  for (const name of Object.values(names)) {
    try {
      run(`ip netns del ${name}`);
    } catch {
      // It was never made.
    }
  }
}

const DOCKER = `table ip base {
chain pre { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 8080 dnat to 172.17.0.2:6379; }
chain out { type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local tcp dport 8080 dnat to 172.17.0.2:6379; }
chain post { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
`;

const WAYS: readonly {
  from: Place;
  vantage: Vantage;
  to: string;
  port: number;
}[] = [
  { from: 'client', vantage: 'outside', to: '198.51.100.1', port: 8080 },
  {
    from: 'client',
    vantage: 'container-address',
    to: '172.17.0.2',
    port: 6379,
  },
  { from: 'client', vantage: 'outside', to: '198.51.100.1', port: 6379 },
  { from: 'host', vantage: 'own-address', to: '198.51.100.1', port: 8080 },
  { from: 'host', vantage: 'container-address', to: '172.17.0.2', port: 6379 },
  { from: 'host', vantage: 'loopback', to: '127.0.0.1', port: 6379 },
];

function makeWorld(rules: RuleSet): World {
  const listens = (pid: number): World['sockets'] => [
    { protocol: 'tcp', address: '0.0.0.0', port: 6379, pid, command: 'node' },
  ];
  return {
    rules,
    devices: [
      { name: 'lo', kind: 'loopback', networks: ['127.0.0.1/8', '::1/128'] },
      { name: 'ext0', kind: 'outside', networks: ['198.51.100.1/24'] },
      { name: 'docker0', kind: 'bridge', networks: ['172.17.0.1/16'] },
      { name: 'veth1', kind: 'port', networks: [] },
    ],
    routes: [],
    sockets: listens(1),
    relays: [],
    containers: [
      {
        name: 'server',
        places: [{ bridge: 'docker0', address: '172.17.0.2' }],
        sockets: listens(2),
      },
    ],
    settings: {
      forward4: true,
      forward6: false,
      bridgeCalls4: false,
      bridgeCalls6: false,
      routeLocalnet: [],
    },
    userlandProxy: false,
    published: [],
    measured: true,
  };
}

function predictAll(rules: RuleSet): Prediction[] {
  const world = makeWorld(rules);
  const index = new RuleIndex(rules);
  return WAYS.map(({ from, vantage, to, port }) => {
    const by =
      from === 'host'
        ? ({ kind: 'host' } as const)
        : ({
            kind: 'outside',
            device: 'ext0',
            source: '198.51.100.2',
          } as const);
    const start = { protocol: 'tcp', port, to, family: 4, by } as const;
    const client = { kind: from === 'host' ? 'host' : 'outside' } as const;
    const attempt = { vantage, from: client, start };
    return writeForecast(predictAttempt(world, index, attempt).prediction);
  });
}

/** A process in a namespace that dials what it is told. */
class Dialler {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(place: Place) {
    this.#child = spawn('ip', ['netns', 'exec', names[place], process.execPath, TALK, 'dial'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (!this.#child.stdout) throw new Error('no output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    await this.#lines.next();
    return this;
  }

  async dial(ways: readonly { to: string; port: number }[], patience: number): Promise<Told[]> {
    const questions = ways.map(({ to, port }) => ({
      host: to,
      port,
      patience,
    }));
    this.#child.stdin?.write(`${JSON.stringify(questions)}\n`);
    const { value } = (await this.#lines.next()) as { value: string };
    return JSON.parse(value) as Told[];
  }

  end(): void {
    this.#child.kill();
  }
}

async function serve(place: Place): Promise<ChildProcess> {
  const child = spawn(
    'ip',
    ['netns', 'exec', names[place], process.execPath, TALK, 'serve', '6379'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** Loads a set and reads what the tools list of it, in each of their forms. */
function load(seed: number): RuleSet[] {
  inside('host', 'nft flush ruleset');
  const saved = seed % 3 === 0;
  const wide = seed % 3 === 1;
  if (saved) inside('host', 'iptables-nft-restore', makeSaved(seed));
  inside('host', 'nft -f -', saved ? DOCKER : DOCKER + (wide ? makeWide : makeNft)(seed));
  inside('host', 'conntrack -F 2>/dev/null || true');
  const others = saved
    ? parseSaved(inside('host', 'iptables-nft-save -c'), 'saved')
    : joinRuleSets([]);
  return ['nft list ruleset', 'nft -j list ruleset'].map((command) =>
    joinRuleSets([others, addToOthers(parseNft(inside('host', command), command), others)]),
  );
}

/** What a prediction says of the client's end; null where it says nothing. */
function expect({ path }: Prediction): Told['end'] | null {
  if (path === 'unknown') return null;
  return path === 'dropped' || path === 'refused' ? path : 'answered';
}

/** Whether it is not as it was told: the end, or the address that the server has seen. */
function isWrong(prediction: Prediction, told: Told | undefined): boolean {
  const end = expect(prediction);
  if (end === null || !told) return false;
  if (end !== told.end) return true;
  const { sourceSeen } = prediction;
  return sourceSeen !== null && told.seen !== null && sourceSeen !== told.seen;
}

async function main(first: number, last: number): Promise<number> {
  const counts = { sets: 0, ways: 0, wrong: 0, unknown: 0, unloadable: 0 };
  build();
  const children = [await serve('server'), await serve('host')];
  const diallers = {
    client: await new Dialler('client').ready(),
    host: await new Dialler('host').ready(),
  };
  const dial = async (from: 'client' | 'host', patience: number): Promise<Told[]> =>
    diallers[from].dial(
      WAYS.filter((way) => way.from === from),
      patience,
    );
  try {
    for (let seed = first; seed <= last; seed += 1) {
      let forms: RuleSet[];
      try {
        forms = load(seed);
      } catch (error) {
        counts.unloadable += 1;
        process.stdout.write(
          `seed ${seed} cannot be loaded: ${String(error).split('\n')[1] ?? ''}\n`,
        );
        continue;
      }
      counts.sets += 1;
      const predicted = forms.map(predictAll);
      let told = (await Promise.all([dial('client', PATIENCE), dial('host', PATIENCE)])).flat();
      if (predicted.some((all) => all.some((one, i) => isWrong(one, told[i])))) {
        inside('host', 'conntrack -F 2>/dev/null || true');
        told = (await Promise.all([dial('client', UNHURRIED), dial('host', UNHURRIED)])).flat();
      }
      for (const [i, way] of WAYS.entries()) {
        counts.ways += 1;
        const [text, json] = predicted.map((all) => all[i]);
        if (!text || !json || !told[i]) throw new Error('a way is missing');
        if (expect(text) === null) counts.unknown += 1;
        // The JSON of older versions does not name the devices of chains at ingress.
        const known = expect(text) !== null && expect(json) !== null;
        const differs = known && text.path !== json.path;
        const wrong = [text, json].some((one) => isWrong(one, told[i]));
        if (!wrong && !differs) continue;
        counts.wrong += 1;
        process.stdout.write(
          `seed ${seed}: ${way.from} → ${way.to}:${way.port} was ${told[i].end}, seen ${told[i].seen}; text: ${text.path}, seen ${text.sourceSeen} (${text.why}); JSON: ${json.path}\n`,
        );
      }
    }
  } finally {
    for (const one of Object.values(diallers)) one.end();
    for (const child of children) child.kill();
    clean();
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  return counts.wrong;
}

const [first = '1', last = first] = process.argv.slice(2);
process.exitCode = (await main(Number(first), Number(last))) === 0 ? 0 : 1;
