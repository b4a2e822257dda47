/** Where a connection's container and its processes of hosts are, by the names of namespaces as hops give them. */
import type { Connection, Report } from '../../model/report.js';

/** Of several hosts, each names its namespaces `HOST/NAME`. */
export function namespaceOfContainer({ container }: Pick<Connection, 'container'>): string | null {
  if (container === null) return null;
  return container.host === undefined ? container.name : `${container.host}/${container.name}`;
}

/** @param host its name; undefined where there is one only */
export function namespaceOfHost(places: Report['places'], host: string | undefined): string {
  const own = places.find((place) => place.role === 'host' && place.host === host);
  return own?.namespace ?? (host === undefined ? 'host' : `${host}/host`);
}
