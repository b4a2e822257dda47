/** The captures in samples/captures and what is true of each, known from how its traffic was sent (see the README there). */
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CaptureReading } from '../../src/capture/captures.js';
import { openInput } from '../../src/capture/file/input.js';
import type { Endpoint } from '../../src/model/address.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';

export interface CaptureTruth {
  readonly files: readonly string[];
  readonly ports: readonly number[];
  /** `path/proof/outcome` and how many connections. */
  readonly found: Readonly<Record<string, number>>;
}

const one = (file: string, ports: readonly number[], found: string, count = 1): CaptureTruth => ({
  files: [file],
  ports,
  found: { [found]: count },
});
const unknown = 'unknown/inconclusive/answered';
const mixed: Record<string, number> = {
  'dnat/proven/answered': 5,
  'relay/proven/answered': 10,
  'direct/proven/answered': 5,
};

export const CAPTURES: Readonly<Record<string, CaptureTruth>> = {
  'dnat-outside': one('dnat-outside.pcap', [6380], 'dnat/proven/answered'),
  'dnat-container-port': one('dnat-outside.pcap', [6379], 'dnat/proven/answered'),
  'dnat-docker0-only': one('dnat-docker0-only.pcap', [6379], unknown),
  'dnat-host-side': one('dnat-host-side.pcap', [6380], unknown),
  'dnat-two-files': {
    files: ['dnat-host-side.pcap', 'dnat-container-side.pcap'],
    ports: [6380],
    found: { 'dnat/proven/answered': 1 },
  },
  'dnat-own-address': one('dnat-own-address.pcap', [6379], unknown),
  'relay-loopback': one('relay-loopback.pcap', [6380], 'relay/proven/answered'),
  'relay-docker0-only': one('relay-docker0-only.pcap', [6379], unknown),
  'relay-loopback6': one('relay-loopback6.pcap', [6380], 'relay/proven/answered'),
  'relay-outside6': one('relay-outside6.pcapng', [6380], 'relay/proven/answered'),
  'relay-same-bridge': one('relay-same-bridge.pcap', [6380], 'relay/proven/answered'),
  'relay-self': one('relay-self.pcapng', [6380], 'relay/proven/answered'),
  'direct-bridged': one('direct-bridged.pcap', [6379], 'direct/proven/answered'),
  'direct-routed': one('direct-routed.pcapng', [6379], 'direct/proven/answered'),
  'direct-from-host': one('direct-from-host.pcap', [6379], unknown),
  'refused-dnat': one('refused-dnat.pcap', [6390], 'dnat/proven/refused', 2),
  'reset-relay': one('reset-relay.pcap', [6390], 'relay/likely/reset'),
  'refused-host': one('refused-host.pcap', [6391], 'unknown/inconclusive/refused', 2),
  dropped: one('dropped.pcap', [6399], 'unknown/inconclusive/unanswered'),
  'udp-dnat': one('udp-dnat.pcap', [5300], 'dnat/proven/answered'),
  'udp-relay': one('udp-relay.pcapng', [5300], 'relay/likely/answered'),
  midstream: {
    files: ['midstream.pcap'],
    ports: [6380],
    found: { 'dnat/proven/answered': 1, 'relay/likely/answered': 1 },
  },
  'bulk-gso': {
    files: ['bulk-gso.pcapng.gz'],
    ports: [6380],
    found: { 'dnat/proven/answered': 1, 'relay/proven/answered': 2 },
  },
  hairpin: one('hairpin.pcap', [6380], 'dnat/proven/answered'),
  'hairpin-self': one('hairpin-self.pcap', [6380], 'dnat/proven/answered'),
  'hairpin-docker0-only': one('hairpin-docker0-only.pcap', [6379], unknown),
  'mixed-20': { files: ['mixed-20.pcap'], ports: [6380, 6379], found: mixed },
  'mixed-20-devices': {
    files: ['mixed-20-devices.pcapng'],
    ports: [6380, 6379],
    found: { 'dnat/proven/answered': 5, 'relay/proven/answered': 10, [unknown]: 5 },
  },
};

export function captureFile(name: string): string {
  return fileURLToPath(new URL(`../../../samples/captures/${name}`, import.meta.url));
}

export async function readCapture(
  files: readonly string[],
  ports: readonly number[],
): Promise<Trace> {
  const reading = new CaptureReading({ several: files.length > 1, program: 'trace-flow test' });
  for (const file of files) {
    const input = await openInput(
      captureFile(file),
      Readable.from([]),
      new AbortController().signal,
    );
    await reading.readFile(file, input, () => undefined);
  }
  return aimAt(reading.makeTrace(), ports);
}

/** The same of files in memory, as several captures read together. */
export async function readTogether(
  files: readonly Buffer[],
  ports: readonly number[] = [],
): Promise<Trace> {
  const reading = new CaptureReading({ several: files.length > 1, program: 'trace-flow test' });
  for (const [index, bytes] of files.entries()) {
    const input = await openInput('-', Readable.from([bytes]), new AbortController().signal);
    await reading.readFile(`file-${index + 1}.pcap`, input, () => undefined);
  }
  return aimAt(reading.makeTrace(), ports);
}

/** What the bytes of one capture make of themselves; they come in chunks of `size`. */
export async function readBytes(
  bytes: Buffer,
  ports: readonly number[] = [],
  size = 65_536,
): Promise<Trace> {
  const reading = new CaptureReading({ several: false, program: 'trace-flow test' });
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  const input = await openInput('-', Readable.from(chunks), new AbortController().signal);
  await reading.readFile('bytes', input, () => undefined);
  return aimAt(reading.makeTrace(), ports);
}

function aimAt(trace: Trace, ports: readonly number[]): Trace {
  const target = { ...trace.header.target, asked: ports, ports };
  return { ...trace, header: { ...trace.header, target } };
}

/** What is true of the traffic of all samples, by what was dialled; null where more than one thing may be.
 * `hairpins`: taken without a userland proxy. */
export function pathOf(
  { address, port }: Endpoint,
  client: Endpoint,
  hairpins = false,
): Connection['path'] | null {
  if (hairpins) return address === '172.17.0.1' || address === '172.17.0.2' ? 'dnat' : null;
  const toHost = address === '198.51.100.1';
  if (address.startsWith('172.17.0.') && address !== '172.17.0.1') {
    return client.address.startsWith('172.17.0.') && client.address !== '172.17.0.1'
      ? 'direct'
      : null;
  }
  if (toHost && port === 6391) return 'host';
  return toHost && client.address !== '198.51.100.1' ? 'dnat' : 'relay';
}
