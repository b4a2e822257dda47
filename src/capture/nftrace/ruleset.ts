/** Writes the one table that rule tracing adds to the host: it marks first packets of the flow and decides nothing. */

/** Before any other chain sees a packet: raw is at -300. */
const PRIORITY = -350;
/** Limits how many first packets are traced per second, so that a flood costs little. */
const RATE = 'limit rate 100/second burst 100 packets';

export interface MarkedFlow {
  readonly ports: readonly number[];
  readonly protocol: 'tcp' | 'udp' | 'all';
}

/**
 * The nft commands that make the table, one per line. The nft that reads them owns the table: when it ends, for
 * whatever reason, the kernel removes the table.
 */
export function writeTraceTable(name: string, { ports, protocol }: MarkedFlow): string {
  const set = `{ ${ports.join(', ')} }`;
  const first = 'tcp flags & (fin | syn | rst | ack) == syn';
  const matches = [
    ...(protocol === 'udp' ? [] : [`tcp dport ${set} ${first}`]),
    ...(protocol === 'tcp' ? [] : [`udp dport ${set}`]),
  ];
  const lines = ['prerouting', 'output'].flatMap((hook) => [
    `create chain inet ${name} ${hook} { type filter hook ${hook} priority ${PRIORITY}; policy accept; }`,
    ...matches.map((match) => `add rule inet ${name} ${hook} ${match} ${RATE} meta nftrace set 1`),
  ]);
  return [`create table inet ${name} { flags owner; }`, ...lines, ''].join('\n');
}

/** Whether nft's listing of the table is complete. */
export function isTableWhole(listing: string, { protocol }: MarkedFlow): boolean {
  const rules = listing.match(/meta nftrace set 1/g)?.length ?? 0;
  return rules === (protocol === 'all' ? 4 : 2);
}

/** The nft command that removes the table. */
export function removeTable(name: string): string {
  return `delete table inet ${name}\n`;
}
