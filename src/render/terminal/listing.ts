/** Lists what a capture holds: one line per dialled port, likely published ports first. */
import { formatEndpoint } from '../../model/address.js';
import type { Connection } from '../../model/report.js';
import { setRow, widthsOf } from './columns.js';
import { printable } from '../text.js';

interface Line {
  readonly protocol: string;
  readonly server: string;
  readonly port: number;
  readonly to: Set<string>;
  readonly paths: Map<string, number>;
  connections: number;
  bytes: number;
}

/** One connection, or several alike. */
export type ListedConnection = Pick<
  Connection,
  'protocol' | 'server' | 'container' | 'path' | 'bytes'
> & { readonly count?: number };

export function renderListing(connections: readonly ListedConnection[]): string {
  const lines = [...gather(connections).values()].sort(
    (a, b) => rank(a) - rank(b) || b.connections - a.connections || a.port - b.port,
  );
  const rows = lines.map((line) => [
    line.protocol,
    line.server,
    String(line.connections),
    String(line.bytes),
    [...line.paths]
      .map(([path, count]) => (line.paths.size > 1 ? `${count} ${path}` : path))
      .join(', '),
    [...line.to].slice(0, 2).join(', ') + (line.to.size > 2 ? ` and ${line.to.size - 2} more` : ''),
  ]);
  const head = ['', 'dialled', 'connections', 'bytes', 'path', 'container'];
  const columns = widthsOf([head, ...rows]).map((width, i) => ({
    width,
    number: i === 2 || i === 3,
  }));
  const table = [head, ...rows].map((row) => setRow(row, columns));
  const [first] = lines;
  const hint = first ? [`\nLook at one with --port, e.g. --port ${first.port}`] : [];
  return `${[...table, ...hint].join('\n')}\n`;
}

function gather(connections: readonly ListedConnection[]): Map<string, Line> {
  const lines = new Map<string, Line>();
  for (const { protocol, server, container, path, bytes, count = 1 } of connections) {
    if (server === null) continue;
    const key = `${protocol} ${formatEndpoint(server)}`;
    const line: Line = lines.get(key) ?? {
      protocol,
      server: formatEndpoint(server),
      port: server.port,
      to: new Set(),
      paths: new Map(),
      connections: 0,
      bytes: 0,
    };
    lines.set(key, line);
    line.connections += count;
    line.bytes += bytes.fromClient + bytes.fromServer;
    line.paths.set(path, (line.paths.get(path) ?? 0) + count);
    if (container) line.to.add(printable(formatEndpoint(container)));
  }
  return lines;
}

/** Sorts ports that are forwarded first, then those dialled directly; ports of a client's own (32768 and up) last. */
function rank({ paths, port }: Line): number {
  if (['dnat', 'docker-proxy', 'relay'].some((path) => paths.has(path))) return 0;
  if (paths.has('direct')) return 1;
  return port < 32_768 ? 2 : 3;
}
