/** Replaces addresses and names of containers, networks and processes in a trace, so that it can be shared. */
import { isPortDriver } from '../model/port-drivers.js';
import { UserError } from '../model/errors.js';
import type { Container, Engine, Topology } from '../model/topology.js';
import type { Trace, TraceHeader } from '../model/trace.js';
import { AddressPseudonyms } from './pseudonyms.js';

const NOTE =
  'addresses and names are pseudonyms that hold in these outputs only; the firewall rules that were read are left out';

/**
 * All outputs of the result use the same pseudonyms. Rules and read problems are left out, because they are free text
 * that may contain anything.
 * @param key random bytes, new for each run
 * @throws UserError for a capture, whose packets would not be changed
 */
export function anonymize(trace: Trace, key: Uint8Array): Trace {
  if (trace.source === 'capture') {
    throw new UserError('--anonymize renames live traces and recordings, not captures', {
      code: 'capture-stays',
      exit: 2,
      remedy: 'anonymise the capture with a tool for captures, and read what that wrote',
    });
  }
  const renamer = new Renamer(trace.header.topology, key);
  const { program, epoch, probes, budget, client, target, topology } = trace.header;
  const { lostEvents, skippedRuns, unparsedPackets, truncated, sealed, notes } = trace.tail;
  const { span, complete } = trace.tail;
  return {
    source: trace.source,
    header: {
      program,
      epoch,
      probes,
      budget,
      client: client === null ? null : renamer.text(client),
      target: {
        ...(renamer.walk(target) as TraceHeader['target']),
        containers: target.containers.map((name) => renamer.container(name)),
      },
      topology: renamer.topology(topology),
    },
    events: trace.events.map((event) => renamer.walk(event) as typeof event),
    tail: {
      lostEvents,
      skippedRuns,
      unparsedPackets,
      truncated,
      sealed,
      ...(span && { span }),
      ...(complete && { complete }),
      notes: [...notes.map((note) => renamer.text(note)), NOTE],
    },
  };
}

/** Device names that the kernel or Docker assigns. Other names may reveal something about their owner. */
const PLAIN_DEVICE =
  /^(lo|docker\d+|docker_gwbridge|br-[0-9a-f]{12}|(eth|wlan|tun|tap|bond)\d+|en[opsx]\w+|veth\w*)$/;
const PLAIN_NETWORK = /^(bridge|host|none|default|ingress|docker_gwbridge)$/;
/** Matches anything in a sentence that may be an address. */
const MAYBE_ADDRESS = /[0-9a-fA-F:.]*[0-9a-fA-F][.:][0-9a-fA-F:.]*[0-9a-fA-F]|::[0-9a-fA-F]*/g;

type Compose = NonNullable<Container['compose']>;

class Renamer {
  readonly #addresses: AddressPseudonyms;
  readonly #names = new Map<string, Map<string, string>>();
  /** Matches the names of containers and of their namespaces in sentences. */
  readonly #containers: RegExp | null;

  constructor({ containers, namespaces }: Topology, key: Uint8Array) {
    this.#addresses = new AddressPseudonyms(key);
    const inside = namespaces.filter(({ role }) => role === 'container').map(({ name }) => name);
    const names = [...new Set([...containers.map(({ name }) => name), ...inside])];
    for (const name of names) this.container(name);
    const longest = names.filter((name) => name !== '').sort((a, b) => b.length - a.length);
    this.#containers =
      longest.length === 0
        ? null
        : new RegExp(`(?<![\\w.-])(${longest.map(escapePattern).join('|')})(?![\\w.-])`, 'g');
  }

  container(name: string): string {
    return this.#number('container', name);
  }

  /** Replaces the names and addresses in a sentence. */
  text(sentence: string): string {
    const named = this.#containers
      ? sentence.replace(this.#containers, (name) => this.container(name))
      : sentence;
    return named.replace(MAYBE_ADDRESS, (text) => this.#addresses.rename(text) ?? text);
  }

  /** Copies a value; replaces each address, and each process name under `command`. */
  walk(value: unknown, key = ''): unknown {
    if (typeof value === 'string') {
      if (key === 'command') return this.#process(value);
      return this.#addresses.rename(value) ?? value;
    }
    if (Array.isArray(value)) return value.map((one) => this.walk(one, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.walk(one, name)]),
    );
  }

  topology(topology: Topology): Topology {
    const walked = this.walk(topology) as Topology;
    return {
      ...walked,
      namespaces: walked.namespaces.map((namespace) => ({
        ...namespace,
        name:
          namespace.role === 'host'
            ? namespace.name
            : this.#number(
                namespace.role === 'container' ? 'container' : 'namespace',
                namespace.name,
              ),
        devices: namespace.devices.map((device) => ({
          ...device,
          name: this.#device(device.name),
        })),
      })),
      containers: walked.containers.map((container, index) => ({
        ...container,
        id: String(index + 1).padStart(12, '0'),
        name: this.container(container.name),
        ...(container.pod !== undefined && { pod: this.#number('pod', container.pod) }),
        ...(container.compose && { compose: this.#compose(container.compose) }),
        networkMode: this.#mode(container.networkMode),
        networks: container.networks.map((network) => ({
          ...network,
          name: this.#network(network.name),
          bridge: network.bridge === null ? null : this.#device(network.bridge),
        })),
      })),
      relays: walked.relays.map((relay) => ({
        ...relay,
        arguments: relay.command === 'docker-proxy' ? relay.arguments : [],
      })),
      listeners: walked.listeners.map((listener) => ({
        ...listener,
        ...(listener.container !== undefined && { container: this.container(listener.container) }),
      })),
      // The path of a user's engine socket contains the user's ID.
      ...(walked.engine && { engine: withoutUser(walked.engine) }),
      ...(walked.others && {
        others: walked.others.map((engine) => ({ ...engine, address: null })),
      }),
      problems: [],
    };
  }

  #compose({ project, service }: Compose): Compose {
    return { project: this.#number('project', project), service: this.#number('service', service) };
  }

  /** Keeps the names of docker-proxy and port drivers, because they decide the path. */
  #process(command: string): string {
    if (command === 'docker-proxy' || isPortDriver({ command })) return command;
    return this.#number('process', command);
  }

  #device(name: string): string {
    return PLAIN_DEVICE.test(name) ? name : this.#number('device', name);
  }

  #network(name: string): string {
    return PLAIN_NETWORK.test(name) ? name : this.#number('network', name);
  }

  #mode(mode: string): string {
    const other = /^container:(.*)$/s.exec(mode)?.[1];
    return other === undefined ? this.#network(mode) : `container:${this.container(other)}`;
  }

  #number(kind: string, name: string): string {
    const names = this.#names.get(kind) ?? new Map<string, string>();
    this.#names.set(kind, names);
    const known = names.get(name);
    if (known !== undefined) return known;
    const made = name === '' ? '' : `${kind}-${names.size + 1}`;
    names.set(name, made);
    return made;
  }
}

function withoutUser({ address, ...engine }: Engine): Engine {
  return {
    ...engine,
    ...(address?.startsWith('/run/user/') !== true && address !== undefined && { address }),
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
