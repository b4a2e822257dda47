/** Finds the ports that a network namespace listens on, from /proc/PID/net, and those that a container publishes. */
import { readFile } from 'node:fs/promises';

export interface Port {
  protocol: 'tcp' | 'udp';
  port: number;
}

/** LISTEN for TCP; for UDP a bound socket without a peer (TCP_CLOSE). */
const OPEN = { tcp: '0A', udp: '07' } as const;

/** Parses /proc/net/tcp, tcp6, udp or udp6. @returns the local ports that accept new peers */
export function parseListeningPorts(text: string, protocol: Port['protocol']): number[] {
  return text.split('\n').flatMap((line) => {
    //   0: 00000000:18EB 00000000:0000 0A …
    const fields = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(
      line,
    );
    return fields?.[1] && fields[2] === OPEN[protocol] ? [Number.parseInt(fields[1], 16)] : [];
  });
}

/** Reads the listening ports of the network namespace that a process is in. */
export async function readListeningPorts(pid: number): Promise<Port[]> {
  const ports = (['tcp', 'udp'] as const).map(async (protocol) => {
    const texts = [protocol, `${protocol}6`].map((file) =>
      readFile(`/proc/${String(pid)}/net/${file}`, 'utf8').catch(() => ''),
    );
    const found = (await Promise.all(texts)).flatMap((text) => parseListeningPorts(text, protocol));
    return [...new Set(found)].map((port) => ({ protocol, port }));
  });
  return (await Promise.all(ports)).flat();
}

/**
 * The container's ports in one `--publish` value: `6379`, `6380:6379`, `127.0.0.1:6380:6379/udp`, `7000-7002:7000-7002`,
 * `[::1]:6380:6379`.
 */
export function parsePublished(value: string): Port[] {
  const match = /(?:^|:)(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (!match || match[3] === 'sctp') return [];
  const first = Number(match[1]);
  const last = Number(match[2] ?? first);
  const protocol = match[3] === 'udp' ? 'udp' : 'tcp';
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    protocol,
    port: first + index,
  }));
}
