/** Settings below /proc/sys/net that routing asks for, combined over all devices and one device as the kernel combines them. */

import type { PortRange } from '../../../model/rules.js';

/** Value by name, `ipv4/conf/eth0/rp_filter` → `1`. */
export type Values = ReadonlyMap<string, string>;

/** The larger of the setting for all devices and the device's own; null where either is not known. */
export function readLargest(values: Values, setting: string, device: string): number | null {
  const all = readSetting(values, `ipv4/conf/all/${setting}`);
  const own = readSetting(values, `ipv4/conf/${device}/${setting}`);
  return all === null || own === null ? null : Math.max(all, own);
}

/** The ports that the namespace gives to clients, `32768 60999`; null where it is not known. */
export function readClientPorts(values: Values): PortRange | null {
  const [, low, high] = /^(\d+)\s+(\d+)$/.exec(values.get('ipv4/ip_local_port_range') ?? '') ?? [];
  return low === undefined || high === undefined ? null : { low: Number(low), high: Number(high) };
}

/** A setting that counts for the device alone. */
export function readOwn(values: Values, setting: string, device: string): number | null {
  return readSetting(values, `ipv4/conf/${device}/${setting}`);
}

export function readSetting(values: Values, name: string): number | null {
  const text = values.get(name);
  return text === undefined || !/^-?\d+$/.test(text) ? null : Number(text);
}
