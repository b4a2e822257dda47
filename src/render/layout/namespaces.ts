/** Names the namespaces of a connection's container and of host processes, as hops name them. */
import type { Connection, Report } from '../../model/report.js';

/** With several hosts, namespaces are named `HOST/NAME`. */
export function namespaceOfContainer({ container }: Pick<Connection, 'container'>): string | null {
  if (container === null) return null;
  return container.host === undefined ? container.name : `${container.host}/${container.name}`;
}

/** @param host name of the host; undefined if there is only one */
export function namespaceOfHost(places: Report['places'], host: string | undefined): string {
  const own = places.find((place) => place.role === 'host' && place.host === host);
  return own?.namespace ?? (host === undefined ? 'host' : `${host}/host`);
}
