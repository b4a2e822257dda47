/** Valid frames of every kind that is decoded, written byte by byte, and a random source that repeats. */

export interface Frame {
  readonly name: string;
  readonly linkType: number;
  readonly bytes: readonly number[];
}

const word = (value: number): number[] => [(value >> 8) & 255, value & 255];
const mac = [2, 66, 172, 17, 0, 3];
const v4 = (
  protocol: number,
  body: readonly number[],
  options: readonly number[] = [],
  fragment = 0,
): number[] => [
  ...[0x45 + options.length / 4, 0, ...word(20 + options.length + body.length)],
  ...[...word(4711), ...word(fragment), 63, protocol, 0, 0],
  ...[10, 0, 0, 1, 10, 0, 0, 2],
  ...options,
  ...body,
];
const v6 = (next: number, body: readonly number[]): number[] => [
  ...[0x60, 0, 0, 0, ...word(body.length), next, 62],
  ...[0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1],
  ...[0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 2],
  ...body,
];
const timestamp = [1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0];
const TCP = [
  ...[...word(40_000), ...word(6379), 0, 0, 0, 100, 0, 0, 0, 200, 0x80, 0x18, 1, 0, 0, 0, 0, 0],
  ...[...timestamp, ...Buffer.from('PING\r\n')],
];
const UDP = [...word(40_000), ...word(53), ...word(12), 0, 0, 1, 2, 3, 4];
const ethernet = (type: number, body: readonly number[]): number[] => [
  ...[1, 1, 1, 1, 1, 1, ...mac, ...word(type)],
  ...body,
];
const icmp = [3, 3, 0, 0, 0, 0, 0, 0, ...v4(17, UDP)];
const icmp6 = [1, 4, 0, 0, 0, 0, 0, 0, ...v6(17, UDP)];

export function listFrames(): Frame[] {
  const tag = (body: readonly number[]): number[] => [...word(7), ...body];
  return [
    { name: 'Ethernet', linkType: 1, bytes: ethernet(0x0800, v4(6, TCP)) },
    { name: 'options', linkType: 1, bytes: ethernet(0x0800, v4(6, TCP, [7, 4, 4, 0])) },
    {
      name: '802.1Q',
      linkType: 1,
      bytes: ethernet(0x8100, tag([...word(0x0800), ...v4(17, UDP)])),
    },
    {
      name: 'QinQ',
      linkType: 1,
      bytes: ethernet(0x88a8, tag([...word(0x8100), ...tag([...word(0x86dd), ...v6(6, TCP)])])),
    },
    {
      name: 'SLL',
      linkType: 113,
      bytes: [0, 4, 0, 1, 0, 6, ...mac, 0, 0, 8, 0, ...v4(6, TCP)],
    },
    {
      name: 'SLL2',
      linkType: 276,
      bytes: [8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 4, 6, ...mac, 0, 0, ...v4(6, TCP)],
    },
    { name: 'raw IPv4', linkType: 101, bytes: v4(6, TCP) },
    { name: 'raw IPv6', linkType: 229, bytes: v6(6, TCP) },
    { name: 'null', linkType: 0, bytes: [2, 0, 0, 0, ...v4(6, TCP)] },
    { name: 'loop', linkType: 108, bytes: [0, 0, 0, 30, ...v6(17, UDP)] },
    {
      name: 'extension headers',
      linkType: 101,
      bytes: v6(0, [
        60,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        44,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        6,
        0,
        0,
        0,
        0,
        0,
        0,
        9,
        ...TCP,
      ]),
    },
    { name: 'ICMP error', linkType: 101, bytes: v4(1, icmp) },
    { name: 'ICMPv6 error', linkType: 101, bytes: v6(58, icmp6) },
    { name: 'later fragment', linkType: 101, bytes: v4(17, UDP, [], 100) },
    { name: 'ARP', linkType: 1, bytes: ethernet(0x0806, [0, 1, 8, 0]) },
  ];
}

/** @returns whole numbers below its argument, the same ones every time for the same seed. */
export function randomizer(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
