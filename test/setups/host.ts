/** A host of namespaces: an outside client, a VPN's other end, two bridges with three containers, docker-proxy, and no engine. */
import { execa } from 'execa';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { Protocol } from '../../src/model/event.js';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Dialled, Order } from './agent.js';
import { FAR_BRIDGE, serveEngine } from './engine.js';

/** Where commands of a set-up run. */
export type Place = 'host' | 'client' | 'vpn' | 'redis' | 'other' | 'far';
const PLACES = ['host', 'client', 'vpn', 'redis', 'other', 'far'] as const;

export interface HostOptions {
  /** Rules of the engine, and the commands that load them. */
  readonly rules: readonly { readonly text: string; readonly load: string }[];
  readonly protocol: Protocol;
  /** Whether containers have addresses of IPv6 too. */
  readonly six: boolean;
  /** Whether redis is a macvlan on ext0. */
  readonly macvlan: boolean;
  readonly proxy: boolean;
  /** Shell commands by the place where they run, in this order. */
  readonly commands: readonly { readonly at: Place; readonly script: string }[];
  /** Where redis listens; null for every address of the families that it has. */
  readonly listens: readonly string[] | null;
}

export const PORT = 6379;
/** Of redis. */
const ADDRESSES = ['172.17.0.2', 'fd00:17::2'] as const;
const MACVLAN = '198.51.100.20';
const AGENT = fileURLToPath(new URL('agent.js', import.meta.url));

/** Where cgroup2 is mounted. */
const CGROUPS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((folder) =>
  existsSync(`${folder}/cgroup.procs`),
);

let count = 0;

export class SetupHost {
  readonly #agents = new Map<Place, Agent>();
  readonly #proxies: ChildProcess[] = [];
  #engine: Server | null = null;
  #folder = '';

  private constructor(private readonly prefix: string) {}

  static async build(options: HostOptions): Promise<SetupHost> {
    const host = new SetupHost(`tfs${process.pid}-${(count += 1)}`);
    try {
      await host.#make(options);
    } catch (error) {
      await host.remove();
      throw error;
    }
    return host;
  }

  nameOf(place: Place): string {
    return `${this.prefix}-${place}`;
  }

  /** For scripts: names of namespaces, and a control group that goes with the set-up. */
  get #environment(): Readonly<Record<string, string>> {
    return { REDIS: this.nameOf('redis'), NETNS: this.prefix, GROUP: this.#group };
  }

  get #group(): string {
    return `${CGROUPS ?? '/nowhere'}/${this.prefix}`;
  }

  get dockerHost(): string {
    return `unix://${this.#folder}/engine`;
  }

  /** Runs a script in a place; fails where it fails. */
  async run(at: Place, script: string): Promise<string> {
    const options = { input: script, env: this.#environment } as const;
    const command = [`--net=/run/netns/${this.nameOf(at)}`, 'sh', '-es'];
    const { stdout } = await execa('nsenter', command, options);
    return stdout;
  }

  dial(at: Place, order: Omit<Extract<Order, { do: 'dial' }>, 'do' | 'id'>): Promise<Dialled> {
    const agent = this.#agents.get(at);
    if (!agent) throw new Error(`no agent in ${at}`);
    return agent.dial(order);
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.end()));
    if (existsSync(this.#group)) await rmdir(this.#group);
    for (const proxy of this.#proxies) proxy.kill('SIGKILL');
    this.#engine?.closeAllConnections();
    this.#engine?.close();
    const names = PLACES.map((place) => `netns del ${this.nameOf(place)}`).join('\n');
    await execa('ip', ['-force', '-batch', '-'], { input: names, reject: false });
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true });
  }

  async #make(options: HostOptions): Promise<void> {
    const { rules, proxy, commands, listens, protocol, six, macvlan } = options;
    this.#folder = await mkdtemp(join(tmpdir(), 'trace-flow-setup-'));
    await this.#wire(options);
    await Promise.all(
      PLACES.map(async (place) => this.#agents.set(place, await Agent.start(this.nameOf(place)))),
    );
    for (const { load, text } of rules) {
      await this.run('host', `${load} <<'RULES'\n${text}\nRULES\n`);
    }
    const redis = this.#agents.get('redis');
    const all = listens ?? ['0.0.0.0', ...(six ? ['::'] : [])];
    if (redis) {
      const only6 = all.length > 1;
      await Promise.all(
        all.map((address) => redis.serve({ address, port: PORT, protocol, only6 })),
      );
    }
    if (proxy) {
      const behind = { '0.0.0.0': ADDRESSES[0], '::': ADDRESSES[six ? 1 : 0] };
      await Promise.all(
        Object.entries(behind).map(([address, to]) => this.#startProxy(protocol, address, to)),
      );
    }
    for (const { at, script } of commands) await this.run(at, script);
    const published = {
      [`${PORT}/${protocol}`]: ['0.0.0.0', '::'].map((HostIp) => ({
        HostIp,
        HostPort: String(PORT),
      })),
    };
    const pid = (place: Place): number => this.#agents.get(place)?.pid ?? 0;
    const at = (network: string, bits: number) => ({
      address: `172.${network}.0.${bits}`,
      gateway: `172.${network}.0.1`,
      ...(six && { address6: `fd00:${network}::${bits}`, gateway6: `fd00:${network}::1` }),
    });
    const own = macvlan
      ? { network: 'lan' as const, address: MACVLAN, gateway: '198.51.100.1' }
      : { network: 'bridge' as const, ...at('17', 2) };
    this.#engine = await serveEngine(`${this.#folder}/engine`, [
      { name: 'redis', pid: pid('redis'), ...own, ports: published },
      { name: 'other', pid: pid('other'), network: 'bridge', ...at('17', 4), ports: {} },
      { name: 'far', pid: pid('far'), network: 'far', ...at('30', 2), ports: {} },
    ]);
  }

  async #wire({ proxy, six, macvlan }: HostOptions): Promise<void> {
    const name = (place: Place): string => this.nameOf(place);
    const veth = (at: Place, own: string, mate: Place, inner: string): string =>
      `link add ${own} netns ${name(at)} type veth peer name ${inner} netns ${name(mate)}`;
    await execa('ip', ['-batch', '-'], {
      input: [
        ...PLACES.map((place) => `netns add ${name(place)}`),
        veth('host', 'ext0', 'client', 'eth0'),
        veth('host', 'vpn0', 'vpn', 'eth0'),
        ...(macvlan ? [] : [veth('host', 'veth1', 'redis', 'eth0')]),
        veth('host', 'veth2', 'other', 'eth0'),
        veth('host', 'veth3', 'far', 'eth0'),
      ].join('\n'),
    });
    if (macvlan) {
      const add = 'ip link add mv0 link ext0 type macvlan mode bridge';
      await this.run('host', `${add}\nip link set mv0 netns ${name('redis')} name eth0`);
    }
    const settings = [
      ...['all', 'default', 'ext0', 'vpn0', 'docker0', FAR_BRIDGE].map(
        (device) => `net.ipv4.conf.${device}.rp_filter=0`,
      ),
      ...['net.ipv4.ip_forward=1', `net.ipv6.conf.all.forwarding=${six ? 1 : 0}`],
      ...['ip', 'ip6'].map((family) => `net.bridge.bridge-nf-call-${family}tables=1`),
      ...(proxy
        ? []
        : ['docker0', FAR_BRIDGE].map((device) => `net.ipv4.conf.${device}.route_localnet=1`)),
    ];
    const hairpin = proxy
      ? ''
      : `for v in ${macvlan ? '' : 'veth1'} veth2 veth3; do bridge link set dev $v hairpin on; done`;
    await this.run(
      'host',
      `ip -batch - <<'END'
link set lo up
link add docker0 type bridge
link add ${FAR_BRIDGE} type bridge
${macvlan ? '' : 'link set veth1 master docker0 up'}
link set veth2 master docker0 up
link set veth3 master ${FAR_BRIDGE} up
link set docker0 up
link set ${FAR_BRIDGE} up
link set ext0 up
link set vpn0 up
addr add 172.17.0.1/16 dev docker0
addr add 172.30.0.1/16 dev ${FAR_BRIDGE}
addr add 198.51.100.1/24 dev ext0
addr add 203.0.113.1/24 dev vpn0
addr add 2001:db8:198:51::1/64 dev ext0 nodad
${
  six
    ? `addr add fd00:17::1/64 dev docker0 nodad\naddr add fd00:30::1/64 dev ${FAR_BRIDGE} nodad`
    : ''
}
END
sysctl -qw ${settings.join(' ')}
${hairpin}`,
    );
    const inner = (place: Place, address: string, gateway: string, more = ''): Promise<string> =>
      this.run(
        place,
        `sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
ip -batch - <<'END'
link set lo up
link set eth0 up
addr add ${address} dev eth0
route add default via ${gateway}
${more}
END`,
      );
    const plus = (network: string, bits: number): string =>
      six
        ? `addr add fd00:${network}::${bits}/64 dev eth0 nodad\nroute add default via fd00:${network}::1`
        : '';
    const beyond = 'route add default via 2001:db8:198:51::1';
    await Promise.all([
      inner(
        'client',
        '198.51.100.2/24',
        '198.51.100.1',
        `addr add 2001:db8:198:51::2/64 dev eth0 nodad\n${six ? beyond : ''}`,
      ),
      inner('vpn', '203.0.113.2/24', '203.0.113.1'),
      macvlan
        ? inner('redis', `${MACVLAN}/24`, '198.51.100.1')
        : inner('redis', '172.17.0.2/16', '172.17.0.1', plus('17', 2)),
      inner('other', '172.17.0.4/16', '172.17.0.1', plus('17', 4)),
      inner('far', '172.30.0.2/16', '172.30.0.1', plus('30', 2)),
    ]);
  }

  /** Ready when it has written so to its fourth descriptor. */
  async #startProxy(protocol: Protocol, address: string, to: string): Promise<void> {
    const ends = ['-host-ip', address, '-host-port', String(PORT), '-container-ip', to];
    const words = ['docker-proxy', '-proto', protocol, ...ends, '-container-port', String(PORT)];
    const child = spawn('nsenter', [`--net=/run/netns/${this.nameOf('host')}`, ...words], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.#proxies.push(child);
    const ready = child.stdio[3];
    if (!ready) throw new Error('docker-proxy was not started');
    const ended = once(ready, 'end').then(() => Promise.reject(new Error('docker-proxy ended')));
    await Promise.race([once(ready, 'data'), ended]);
    ended.catch(() => undefined);
  }
}

/** Holds a namespace, serves and dials there. */
class Agent {
  readonly #waiting = new Map<number, (told: Dialled) => void>();
  /** What to call where the process ends before it has told all. */
  readonly #failing = new Set<(error: Error) => void>();
  #served: (() => void)[] = [];
  #next = 1;

  private constructor(
    readonly pid: number,
    private readonly write: (line: string) => void,
    /** Resolves when its process has ended. */
    readonly end: () => Promise<void>,
  ) {}

  static start(netns: string): Promise<Agent> {
    const child = spawn('nsenter', [`--net=/run/netns/${netns}`, process.execPath, AGENT], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const agent = new Agent(
      child.pid ?? 0,
      (line) => child.stdin.write(`${line}\n`),
      async () => {
        const ended = child.exitCode !== null || child.signalCode !== null;
        if (child.kill('SIGKILL') && !ended) await once(child, 'exit');
      },
    );
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => {
        reject(new Error(`the agent in ${netns} has ended`));
        for (const fail of agent.#failing) fail(new Error(`the agent in ${netns} has ended`));
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as { ready?: number; served?: number; id?: number };
        if (message.ready !== undefined) resolve(agent);
        else if (message.served !== undefined) agent.#served.shift()?.();
        else agent.#waiting.get(message.id ?? 0)?.(message as unknown as Dialled);
      });
    });
  }

  serve(order: Omit<Extract<Order, { do: 'serve' }>, 'do'>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failing.add(reject);
      this.#served.push(resolve);
      this.write(JSON.stringify({ do: 'serve', ...order } satisfies Order));
    });
  }

  dial(order: Omit<Extract<Order, { do: 'dial' }>, 'do' | 'id'>): Promise<Dialled> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#failing.add(reject);
      this.#waiting.set(id, resolve);
      this.write(JSON.stringify({ do: 'dial', id, ...order } satisfies Order));
    });
  }
}
