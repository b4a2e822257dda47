/** Checks a report against the truth of a world's connections: a verdict may say less, and never anything wrong. */
import { sameEndpoint } from '../../src/model/address.js';
import type { Connection, Report } from '../../src/model/report.js';
import type { Truth } from './wire-world.js';

/** What is wrong with the report, one line each; empty when nothing is. */
export function findLies(report: Report, truths: readonly Truth[]): string[] {
  return report.connections.flatMap((connection) => {
    const { path, proof, reason } = connection;
    if (path === 'unknown') return [];
    const truth = truths.filter(
      ({ protocol, client }) =>
        protocol === connection.protocol && sameEndpoint(client, connection.client),
    );
    const told = `${describe(connection)}: ${path}, ${proof}: ${reason}`;
    if (truth.length === 0) return [`${told} — no client`];
    const fits = truth.some((one) => isTrue(connection, one));
    const [{ path: real, upstream }] = truth as [Truth];
    return fits ? [] : [`${told} — is ${real}, by ${upstream?.port ?? 'none'}`];
  });
}

function isTrue({ path, relay, container, evidence }: Connection, truth: Truth): boolean {
  if (path !== truth.path) return false;
  const open = evidence.some(
    ({ claim, holds }) => claim.startsWith('no other connection') && holds !== true,
  );
  // It says itself that the pair may be another.
  if (open) return true;
  const ends = container && truth.container && sameEndpoint(container, truth.container);
  if (path === 'dnat' || path === 'relay') {
    if (ends !== true) return false;
  }
  return (
    path !== 'relay' ||
    (relay?.client != null && truth.upstream !== null && sameEndpoint(relay.client, truth.upstream))
  );
}

function describe({ protocol, client, server }: Connection): string {
  return `${protocol} ${client.address}:${client.port} to ${server?.address ?? '?'}:${server?.port ?? 0}`;
}
