// The host's routes, and the settings that decide about forwarding.

import { canonicalAddress } from '../model/address.js';
import type { HostRoute, HostSettings } from '../model/settings.js';
import type { Run } from './command.js';

/** A constant: only names of files are in it. */
const SCRIPT = [
  'cd /proc/sys/net && grep -sH . ipv4/ip_forward ipv6/conf/all/forwarding',
  'bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables ipv4/conf/*/route_localnet',
].join(' ');

/** @param path of the namespace; null for the own one. */
export async function readSettings(
  run: Run,
  path: string | null,
  signal?: AbortSignal,
): Promise<HostSettings> {
  const enter = (command: string, ...parameters: string[]) =>
    path === null
      ? run(command, parameters, { signal })
      : run('nsenter', [`--net=${path}`, '--', command, ...parameters], { signal });
  const [settings, routes4, routes6] = await Promise.all([
    // It ends with 2 where one of the files is not there.
    enter('sh', '-c', SCRIPT),
    enter('ip', '-j', 'route', 'show'),
    enter('ip', '-j', '-6', 'route', 'show'),
  ]);
  const values = parseSettings(settings.stdout);
  return {
    values: values.size > 0 ? values : null,
    routes: [...parseRoutes(routes4.stdout, 4), ...parseRoutes(routes6.stdout, 6)],
  };
}

/** Reads `ipv4/ip_forward:1`, a setting a line. */
export function parseSettings(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const at = line.lastIndexOf(':');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const];
    }),
  );
}

/** Reads `ip -j route show`; what is no route to a device is passed over. */
export function parseRoutes(text: string, family: 4 | 6): HostRoute[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown): HostRoute[] => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { dst, dev, gateway, prefsrc, type } = entry as Record<string, unknown>;
    if (typeof dst !== 'string' || typeof dev !== 'string') return [];
    if (type !== undefined && type !== 'unicast') return [];
    const any = family === 4 ? '0.0.0.0/0' : '::/0';
    const single = family === 4 ? '/32' : '/128';
    const destination = dst === 'default' ? any : dst.includes('/') ? dst : dst + single;
    const text = (value: unknown): string | null =>
      typeof value === 'string' ? canonicalAddress(value) : null;
    return [{ destination, device: dev, gateway: text(gateway), source: text(prefsrc) }];
  });
}
