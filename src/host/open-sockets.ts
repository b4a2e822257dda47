/** Reads the open TCP sockets of a namespace with the kernel's counts for each (`ss -i`, that is sock_diag). */
import { canonicalAddress, type Endpoint } from '../model/address.js';
import { TCP_STATE, type SocketSums } from '../model/event.js';
import type { RunCommand } from './command.js';
import type { NamespaceFile } from './namespaces.js';

export interface OpenSocket {
  /** Inode of the socket's network namespace. */
  readonly namespace: number;
  /** Kernel TCP state number. */
  readonly state: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly sums: SocketSums;
}

/** The names that `ss` gives the states of connected sockets. */
const STATES: Readonly<Record<string, number>> = {
  ESTAB: TCP_STATE.ESTABLISHED,
  'SYN-SENT': TCP_STATE.SYN_SENT,
  'SYN-RECV': TCP_STATE.SYN_RECV,
  'FIN-WAIT-1': TCP_STATE.FIN_WAIT1,
  'FIN-WAIT-2': TCP_STATE.FIN_WAIT2,
  'CLOSE-WAIT': TCP_STATE.CLOSE_WAIT,
  'LAST-ACK': TCP_STATE.LAST_ACK,
  CLOSING: TCP_STATE.CLOSING,
};

/** States in which the other end's FIN has come: it counts as a byte received. */
const FIN_CAME: ReadonlySet<number> = new Set([
  TCP_STATE.CLOSE_WAIT,
  TCP_STATE.LAST_ACK,
  TCP_STATE.CLOSING,
]);

/**
 * Sockets with one of these ports at either end. A namespace that cannot be entered, or a machine without `ss`, gives
 * none: the counts there stay unknown.
 */
export async function readOpenSockets(
  run: RunCommand,
  places: readonly Pick<NamespaceFile, 'inode' | 'path'>[],
  ports: readonly number[],
  timeout: number,
): Promise<OpenSocket[]> {
  if (ports.length === 0) return [];
  const filter = ports.map((port) => `sport = :${port} or dport = :${port}`).join(' or ');
  const found = await Promise.all(
    places.map(async ({ inode, path }) => {
      const ss = ['ss', '-H', '-O', '-t', '-n', '-i', `( ${filter} )`];
      const { stdout } = await run('nsenter', [`--net=${path}`, ...ss], { timeout });
      return parseOpenSockets(stdout, inode);
    }),
  );
  return found.flat();
}

/** Reads the lines of `ss -H -O -t -n -i`; lines of another form are ignored. */
export function parseOpenSockets(text: string, namespace: number): OpenSocket[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , , here = '', there = '', ...details] = line.trim().split(/\s+/);
    const state = STATES[name];
    const local = parseEnd(here);
    const remote = parseEnd(there);
    if (state === undefined || local === null || remote === null) return [];
    return [{ namespace, state, local, remote, sums: readSums(details, state) }];
  });
}

/** `ss` leaves out counts of 0. */
function readSums(details: readonly string[], state: number): SocketSums {
  const fields = new Map(
    details.flatMap((detail) => {
      const at = detail.indexOf(':');
      return at > 0 ? [[detail.slice(0, at), detail.slice(at + 1)] as const] : [];
    }),
  );
  const read = (name: string): number => Number.parseInt(fields.get(name) ?? '0', 10) || 0;
  const sentAgain = read('bytes_retrans');
  return {
    sent: read('bytes_sent') - sentAgain,
    sentAgain,
    acknowledged: read('bytes_acked'),
    received: read('bytes_received') - (FIN_CAME.has(state) ? 1 : 0),
    segmentsSent: read('segs_out'),
    segmentsReceived: read('segs_in'),
    // `retrans:now/total`
    retransmits: Number.parseInt(fields.get('retrans')?.split('/')[1] ?? '0', 10) || 0,
  };
}

/** `172.17.0.2:6379`, `[::ffff:172.17.0.2]:6379` or `[fe80::1]%eth0:80`. */
function parseEnd(text: string): Endpoint | null {
  const at = text.lastIndexOf(':');
  const address = canonicalAddress(text.slice(0, at).replace(/%[^\]]*$/, ''));
  const port = Number(text.slice(at + 1));
  return address === null || !Number.isInteger(port) ? null : { address, port };
}
