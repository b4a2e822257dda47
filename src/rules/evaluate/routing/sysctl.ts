/**
 * Reads settings below /proc/sys/net for routing, and combines those for all devices and for one as the kernel does.
 */

import type { PortRange } from '../../../model/rules.js';

/** Value by name, `ipv4/conf/eth0/rp_filter` → `1`. */
export type Values = ReadonlyMap<string, string>;

/** Reads the larger of the setting for all devices and the device's own; null if either is unknown. */
export function readLargest(values: Values, setting: string, device: string): number | null {
  const all = readSetting(values, `ipv4/conf/all/${setting}`);
  const own = readSetting(values, `ipv4/conf/${device}/${setting}`);
  return all === null || own === null ? null : Math.max(all, own);
}

/** Reads the ports that the namespace gives to clients, such as `32768 60999`; null if unknown. */
export function readClientPorts(values: Values): PortRange | null {
  const [, low, high] = /^(\d+)\s+(\d+)$/.exec(values.get('ipv4/ip_local_port_range') ?? '') ?? [];
  return low === undefined || high === undefined ? null : { low: Number(low), high: Number(high) };
}

/** Reads a setting for which only the device's own value counts. */
export function readOwn(values: Values, setting: string, device: string): number | null {
  return readSetting(values, `ipv4/conf/${device}/${setting}`);
}

export function readSetting(values: Values, name: string): number | null {
  const text = values.get(name);
  return text === undefined || !/^-?\d+$/.test(text) ? null : Number(text);
}
