/** Reads an `explain --json` document back into a topology, to explain another machine's rules. */
import { canonicalAddress } from '../model/address.js';
import { UserError } from '../model/errors.js';
import { explanationSchema, type Explanation } from '../model/explain.js';
import type { Routing } from '../model/routing.js';
import { NO_RULES, type Chain, type RuleSet } from '../model/rules.js';
import type { HostSettings } from '../model/settings.js';
import type { Inside } from '../model/survey.js';
import type { Device, Listener, Topology } from '../model/topology.js';
import { findNonsense } from './explain-sense.js';

/** Stands for the inode of the host's namespace, which the document does not contain. */
const HOST = 1;
/** Placeholders for unknown interface indices start here, above all real ones. */
const UNTOLD = 2 ** 31;

export function readMap(
  text: string,
  file: string,
): { topology: Topology; settings: HostSettings; insides: Map<number, Inside> } {
  const document = parse(text, file);
  const { engine, host } = document;
  const numbers = new Map(
    document.containers.map(({ name, namespace }, i) => [name, namespace ?? i + 2]),
  );
  const settings = new Map(Object.entries(host.settings));
  return {
    topology: {
      host: HOST,
      namespaces: [
        { inode: HOST, name: 'host', role: 'host', devices: listDevices(document, numbers) },
        ...[...numbers].map(([name, inode]) => ({
          inode,
          name,
          role: 'container' as const,
          devices: listInside(document, name),
        })),
      ],
      containers: listContainers(document, numbers),
      relays: listRelays(document),
      listeners: listListeners(document, numbers),
      heard: listHeard(document),
      listened: (document.socketPorts ?? []).length > 0,
      ...(document.socketsUnread && {
        unheard: document.socketsUnread.flatMap(
          (name) => (name === 'host' ? HOST : numbers.get(name)) ?? [],
        ),
      }),
      engine: engine?.version == null ? null : { version: engine.version },
      problems: [...document.problems, ...tellMissing(document)],
    },
    settings: {
      values: settings.size > 0 ? settings : null,
      routes: host.routes,
      routing: host.routing ?? null,
    },
    insides: readInsides(document, numbers),
  };
}

function listContainers(
  document: Explanation,
  numbers: ReadonlyMap<string, number>,
): Topology['containers'] {
  return document.containers.map(({ name, places, published }, i) => ({
    id: `${name}-${i}`,
    name,
    pid: i + 1,
    networkMode: 'bridge',
    published,
    namespace: numbers.get(name) ?? null,
    networks: places.map(({ bridge, address }) => ({
      name: bridge ?? '',
      bridge,
      addresses: [address],
      gateway: null,
    })),
  }));
}

function listRelays(document: Explanation): Topology['relays'] {
  return document.relays.flatMap((relay) => {
    const listens = toEndpoint(relay.listens);
    if (!listens) return [];
    const target = relay.target === null ? null : toEndpoint(relay.target);
    // Older documents give the protocol only in docker-proxy's arguments.
    const at = relay.arguments.indexOf('-proto');
    const told = at >= 0 && relay.arguments[at + 1] === 'udp' ? 'udp' : 'tcp';
    return [{ ...relay, protocol: relay.protocol ?? told, listens, target }];
  });
}

function listListeners(document: Explanation, numbers: ReadonlyMap<string, number>): Listener[] {
  return document.sockets.flatMap((socket): Listener[] => {
    const local = toEndpoint(socket.address);
    const namespace = socket.namespace === 'host' ? HOST : numbers.get(socket.namespace);
    const { protocol, pid, command } = socket;
    return local && namespace !== undefined ? [{ namespace, protocol, local, pid, command }] : [];
  });
}

/** Says what an older document lacks, and what is assumed instead. */
function tellMissing({ host, containers }: Explanation): string[] {
  const dark = containers.filter(({ inside }) => inside === undefined).map(({ name }) => name);
  return [
    ...(host.routing
      ? []
      : [
          'The document does not hold routing rules, tables and reverse path filters: packets are taken to go by the main table, and none to be filtered by its source.',
        ]),
    ...(dark.length === 0
      ? []
      : [
          `The document does not hold the routes and rules inside ${dark.slice(0, 4).join(', ')}${dark.length > 4 ? ` and ${dark.length - 4} more` : ''}: each is taken to answer by its bridge and to filter nothing.`,
        ]),
  ];
}

/** Ports whose sockets the document lists. In older documents, these are the ports with predictions. */
function listHeard({ socketPorts, predictions, sockets }: Explanation): number[] {
  if (socketPorts) return socketPorts;
  const told = [...predictions.map(({ to }) => to), ...sockets.map(({ address }) => address)];
  return [...new Set(told.map((text) => Number(text.slice(text.lastIndexOf(':') + 1))))];
}

function readInsides(
  { containers }: Explanation,
  numbers: ReadonlyMap<string, number>,
): Map<number, Inside> {
  return new Map(
    containers.flatMap(({ name, inside }) => {
      const number = numbers.get(name);
      if (!inside || number === undefined) return [];
      const { routing, settings, rules } = inside;
      const values = new Map(Object.entries(settings));
      return [
        [
          number,
          {
            rules: rules === 0 ? NO_RULES : makeUnknown(),
            complete: rules !== null,
            settings: { values, routes: [], routing },
          },
        ] as const,
      ];
    }),
  );
}

/** Stands for rules that exist but are not in the document: their effect is unknown. */
function makeUnknown(): RuleSet {
  const text = 'rules inside the container, which the document does not hold';
  const chain = (hook: 'prerouting' | 'output'): Chain => ({
    name: hook,
    base: { hook, type: 'filter', priority: 0 },
    policy: 'accept',
    packets: null,
    rules: [
      {
        text,
        packets: null,
        comment: null,
        steps: [
          { kind: 'match', match: { on: 'unknown', not: false, text } },
          { kind: 'verdict', verdict: { do: 'drop' } },
        ],
      },
    ],
  });
  const chains = [chain('prerouting'), chain('output')];
  return { tables: [{ backend: 'nftables', family: 'inet', name: 'inside', chains }], notes: [] };
}

function parse(text: string, file: string): Explanation {
  const refuse = (message: string, cause?: unknown): UserError =>
    new UserError(message, {
      code: 'not-a-topology',
      exit: 1,
      cause,
      remedy: 'make it where the containers run: trace-flow explain --json > FILE',
    });
  let document: Explanation;
  try {
    document = explanationSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw refuse(`${file} is no document of trace-flow explain --json`, cause);
  }
  const nonsense = findNonsense(document);
  if (nonsense !== null) throw refuse(`${file} cannot be used: ${nonsense}`);
  return document;
}

/** The host's devices: those with addresses, the bridges, and the bridges' ports, each joined to its container. */
function listDevices(
  { host, bridges }: Explanation,
  numbers: ReadonlyMap<string, number>,
): Device[] {
  const told = new Map(host.devices.map((device) => [device.name, device]));
  const ports = new Map(
    bridges.flatMap(({ name, members }) =>
      members.map((member) => [member.interface, { ...member, bridge: name }] as const),
    ),
  );
  const wires = new Map(
    bridges.map(({ name, addresses }) => [name, { kind: 'bridge', addresses }]),
  );
  const names = [...new Set([...told.keys(), ...wires.keys(), ...ports.keys()])];
  return names.map((name, i): Device => {
    const port = ports.get(name);
    const { kind, addresses } = told.get(name) ??
      wires.get(name) ?? { kind: 'veth', addresses: [] };
    return {
      ifindex: port?.ifindex ?? UNTOLD + i,
      name,
      kind: toKind(kind),
      addresses,
      master: port ? UNTOLD + names.indexOf(port.bridge) : null,
      peerIfindex: port?.peerIfindex ?? null,
      peerNamespace: numbers.get(port?.container ?? '') ?? null,
    };
  });
}

/** A container's devices: from its routing if the document has it, else the inner ends of its veths. */
function listInside(document: Explanation, container: string): Device[] {
  const inside = document.containers.find(({ name }) => name === container)?.inside;
  if (inside) return listInner(inside.routing);
  const members = document.bridges.flatMap((bridge) => bridge.members);
  return members.flatMap((member): Device[] => {
    const { peerIfindex, peerName, address } = member;
    if (member.container !== container || peerIfindex === null || peerName === null) return [];
    const addresses = address === null ? [] : [address];
    return [
      {
        ifindex: peerIfindex,
        name: peerName,
        kind: 'veth',
        addresses,
        master: null,
        peerIfindex: member.ifindex,
        peerNamespace: HOST,
      },
    ];
  });
}

/** Each device with the addresses that the local table has for it. */
function listInner({ links, routes }: Routing): Device[] {
  const local = routes.filter(({ table, type }) => table === 'local' && type === 'local');
  return links.map((link) => ({
    ifindex: link.ifindex,
    name: link.name,
    master: null,
    kind: link.name === 'lo' ? 'loopback' : toKind(link.kind ?? ''),
    addresses: local
      .filter(({ hops }) => hops.some(({ device }) => device === link.name))
      .map(({ destination }) => destination),
    peerIfindex: link.parent,
    peerNamespace: HOST,
  }));
}

function toKind(kind: string): Device['kind'] {
  return kind === 'loopback' || kind === 'bridge' || kind === 'veth' ? kind : 'other';
}

function toEndpoint(text: string): { address: string; port: number } | null {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? '');
  return match && address !== null ? { address, port: Number(match[2]) } : null;
}
