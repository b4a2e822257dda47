/** Connects the lab's two places: makes the wire between Docker host and outside client, with addresses and routes. */
import { runChecked } from './enter.js';
import { exists } from './exists.js';
import type { LabTools } from './tools.js';

export interface LabPlace {
  name: string;
  /** A path for `nsenter --net=` and `trace-flow --netns`; valid until the lab is down. */
  netns: string;
  ipv4: string;
  /** Empty where the kernel has no IPv6. */
  ipv6: string;
  /** The end of the wire in this place. */
  device: string;
}

// Documentation ranges (RFC 5737, RFC 3849): no real network has them.
const WIRE = {
  host: { device: 'ext0', ipv4: '198.51.100.1', ipv6: '2001:db8:198:51::1' },
  client: { device: 'eth0', ipv4: '198.51.100.2', ipv6: '2001:db8:198:51::2' },
} as const;

/** Makes the ends of the wire inside both places, and sets up addresses and routes. */
export async function wire(
  tools: LabTools,
  pids: { host: number; client: number },
  signal?: AbortSignal,
): Promise<{ host: LabPlace; client: LabPlace }> {
  const hasIpv6 = await exists('/proc/sys/net/ipv6');
  const netns = (place: 'host' | 'client'): string => `/proc/${String(pids[place])}/ns/net`;
  const inside = (place: 'host' | 'client'): string[] => [
    tools.nsenter,
    `--net=${netns(place)}`,
    '--',
  ];
  const configure = async (place: 'host' | 'client', lines: readonly string[]): Promise<void> => {
    if (hasIpv6) {
      // New namespaces inherit a machine's disabled IPv6; these files are the namespace's own.
      const files = ['all', 'default', 'lo'].map(
        (each) => `/proc/sys/net/ipv6/conf/${each}/disable_ipv6`,
      );
      await runChecked([...inside(place), 'tee', ...files], { input: '0', signal });
    }
    const input = lines.map((line) => `${line}\n`).join('');
    await runChecked([...inside(place), tools.ip, '-batch', '-'], { input, signal });
  };

  const { host, client } = WIRE;
  const addresses = ({ device, ipv4, ipv6 }: (typeof WIRE)['host' | 'client']): string[] => [
    'link set lo up',
    `address add ${ipv4}/24 dev ${device}`,
    // Without "nodad" an address cannot be used for the first second.
    ...(hasIpv6 ? [`address add ${ipv6}/64 dev ${device} nodad`] : []),
    `link set ${device} up`,
  ];
  const peer = `peer name ${client.device} netns ${String(pids.client)}`;
  await configure('host', [`link add ${host.device} type veth ${peer}`, ...addresses(host)]);
  await configure('client', [
    ...addresses(client),
    `route add default via ${host.ipv4}`,
    ...(hasIpv6 ? [`route add ::/0 via ${host.ipv6}`] : []),
  ]);
  const describe = (place: 'host' | 'client'): LabPlace => ({
    name: place,
    netns: netns(place),
    ...WIRE[place],
    ipv6: hasIpv6 ? WIRE[place].ipv6 : '',
  });
  return { host: describe('host'), client: describe('client') };
}
