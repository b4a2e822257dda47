/** Reads an `explain --json` document back into a topology, for those who look at another machine's rules. */
import { canonicalAddress } from '../model/address.js';
import { UserError } from '../model/errors.js';
import { explanationSchema, type Explanation } from '../model/explain.js';
import type { HostSettings } from '../model/settings.js';
import type { Device, Listener, Topology } from '../model/topology.js';

/** Stands for the host's namespace, whose number the document does not tell. */
const HOST = 1;

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
        { inode: HOST, name: 'host', role: 'host', devices: host.devices.map(toDevice) },
        ...[...numbers].map(([name, inode]) => ({
          ...{ inode, name, role: 'container' as const, devices: [] },
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

function toDevice(
  { name, kind, addresses }: Explanation['host']['devices'][number],
  index: number,
): Device {
  const known = kind === 'loopback' || kind === 'bridge' || kind === 'veth' ? kind : 'other';
  return {
    ...{ ifindex: index + 1, name, kind: known, addresses },
    ...{ master: null, peerIfindex: null, peerNamespace: null },
  };
}

function toEndpoint(text: string): { address: string; port: number } | null {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? '');
  return match && address !== null ? { address, port: Number(match[2]) } : null;
}
