/** Reads an `explain --json` document back into a topology, for those who look at another machine's rules. */
import { canonicalAddress } from '../model/address.js';
import { UserError } from '../model/errors.js';
import { explanationSchema, type Explanation } from '../model/explain.js';
import type { HostSettings } from '../model/settings.js';
import type { Device, Listener, Topology } from '../model/topology.js';

/** Stands for the host's namespace, whose number the document does not tell. */
const HOST = 1;
/** Interface indices that the document does not tell begin here, above all real ones. */
const UNTOLD = 2 ** 31;

export function readMap(
  text: string,
  file: string,
): { topology: Topology; settings: HostSettings } {
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
          ...{ inode, name, role: 'container' as const },
          devices: listInside(document, name),
        })),
      ],
      containers: document.containers.map(({ name, places, published }, i) => ({
        ...{ id: `${name}-${i}`, name, pid: i + 1, networkMode: 'bridge', published },
        namespace: numbers.get(name) ?? null,
        networks: places.map(({ bridge, address }) => ({
          ...{ name: bridge ?? '', bridge, addresses: [address], gateway: null },
        })),
      })),
      relays: document.relays.flatMap((relay) => {
        const listens = toEndpoint(relay.listens);
        if (!listens) return [];
        const target = relay.target === null ? null : toEndpoint(relay.target);
        // Older documents tell it by docker-proxy's arguments only.
        const at = relay.arguments.indexOf('-proto');
        const told = at >= 0 && relay.arguments[at + 1] === 'udp' ? 'udp' : 'tcp';
        return [{ ...relay, protocol: relay.protocol ?? told, listens, target }];
      }),
      listeners: document.sockets.flatMap((socket): Listener[] => {
        const local = toEndpoint(socket.address);
        const namespace = socket.namespace === 'host' ? HOST : numbers.get(socket.namespace);
        const { protocol, pid, command } = socket;
        return local && namespace !== undefined
          ? [{ namespace, protocol, local, pid, command }]
          : [];
      }),
      engine: engine?.version == null ? null : { version: engine.version },
      problems: document.problems,
    },
    settings: { values: settings.size > 0 ? settings : null, routes: host.routes },
  };
}

function parse(text: string, file: string): Explanation {
  try {
    return explanationSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(`${file} is no document of trace-flow explain --json`, {
      ...{ code: 'not-a-topology', exit: 1, cause },
      remedy: 'make it where the containers run: trace-flow explain --json > FILE',
    });
  }
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
      ...{ ifindex: port?.ifindex ?? UNTOLD + i, name, kind: toKind(kind), addresses },
      master: port ? UNTOLD + names.indexOf(port.bridge) : null,
      peerIfindex: port?.peerIfindex ?? null,
      peerNamespace: numbers.get(port?.container ?? '') ?? null,
    };
  });
}

/** The inner ends of a container's veths. */
function listInside({ bridges }: Explanation, container: string): Device[] {
  const members = bridges.flatMap((bridge) => bridge.members);
  return members.flatMap((member): Device[] => {
    const { peerIfindex, peerName, address } = member;
    if (member.container !== container || peerIfindex === null || peerName === null) return [];
    const addresses = address === null ? [] : [address];
    return [
      {
        ...{ ifindex: peerIfindex, name: peerName, kind: 'veth', addresses, master: null },
        ...{ peerIfindex: member.ifindex, peerNamespace: HOST },
      },
    ];
  });
}

function toKind(kind: string): Device['kind'] {
  return kind === 'loopback' || kind === 'bridge' || kind === 'veth' ? kind : 'other';
}

function toEndpoint(text: string): { address: string; port: number } | null {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? '');
  return match && address !== null ? { address, port: Number(match[2]) } : null;
}
