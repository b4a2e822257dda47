/** Finds docker-proxy processes by their name and arguments. */
import { canonicalAddress, type Endpoint } from '../model/address.js';
import type { RelayProcess, Topology } from '../model/topology.js';
import { listPids, readArguments, readCommandName, type ProcessEntry } from './procfs.js';

const RELAY_NAME = 'docker-proxy';

/** The relays among the processes of one network namespace; `rootless` says that it is not the host's. */
export function readRelays(
  proc: string,
  processes: readonly ProcessEntry[],
  namespace: number,
  rootless = false,
): RelayProcess[] {
  return processes.flatMap(({ pid, namespace: own }) => {
    // Checks the name first: reading the arguments of a stuck process can block.
    if (own !== namespace || readCommandName(proc, pid) !== RELAY_NAME) return [];
    const relay = parseRelay(pid, readArguments(proc, pid) ?? []);
    return relay ? [{ ...relay, ...(rootless && { namespace }) }] : [];
  });
}

/**
 * Whether the engine starts a docker-proxy for each published port: shown by one that runs, by dockerd's own arguments,
 * or by a published port without one. Null when nothing shows it.
 */
export function readUserlandProxy(proc: string, topology: Topology): boolean | null {
  if (topology.relays.some(({ namespace }) => namespace === undefined)) return true;
  if (!topology.engine || topology.engine.product === 'podman') return null;
  if (topology.containers.some(({ published }) => published.length > 0)) return false;
  const engines = listPids(proc).filter((pid) => readCommandName(proc, pid) === 'dockerd');
  const [only] = engines;
  if (engines.length !== 1 || only === undefined) return null;
  const flag = (readArguments(proc, only) ?? [])
    .map((word) => /^--userland-proxy(?:=(.*))?$/.exec(word))
    .findLast((match) => match !== null);
  return flag ? (flag[1] ?? 'true') !== 'false' : null;
}

/**
 * Reads docker-proxy's arguments (`-proto tcp -host-ip 0.0.0.0 -host-port 6379 -container-ip 172.17.0.2 -container-port
 * 6379`), with one dash or two, separate or with `=`. Null for another program's command line.
 */
export function parseRelay(pid: number, commandLine: readonly string[]): RelayProcess | null {
  const [program = '', ...rest] = commandLine;
  const command = program.slice(program.lastIndexOf('/') + 1);
  if (command !== RELAY_NAME) return null;
  const flags = parseFlags(rest);
  const listens = parseEnd(flags, 'host');
  const protocol = flags.get('proto') ?? 'tcp';
  if (!listens || (protocol !== 'tcp' && protocol !== 'udp')) return null;
  const target = parseEnd(flags, 'container');
  return { pid, command, arguments: rest, protocol, listens, target };
}

function parseEnd(flags: ReadonlyMap<string, string>, side: string): Endpoint | null {
  const address = canonicalAddress(flags.get(`${side}-ip`) ?? '');
  const port = Number(flags.get(`${side}-port`));
  return address !== null && Number.isInteger(port) && port > 0 && port < 65536
    ? { address, port }
    : null;
}

/** Go's flag syntax: a value follows a flag unless the next word is a flag itself. */
function parseFlags(words: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const match = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(words[i] ?? '');
    if (!match) continue;
    const [, name = '', value] = match;
    const next = words[i + 1];
    if (value !== undefined) flags.set(name, value);
    else if (next !== undefined && !/^--?[a-z]/.test(next)) flags.set(name, words[++i] ?? '');
    else flags.set(name, 'true');
  }
  return flags;
}
