/** Headers written byte by byte, each field by name; a test names only the fields that it is about. */

export const LINK = {
  NULL: 0,
  ETHERNET: 1,
  RAW: 101,
  LOOP: 108,
  SLL: 113,
  SLL2: 276,
} as const;

export const word = (value: number): number[] => [(value >> 8) & 255, value & 255];
export const double = (value: number): number[] => [...word(value >>> 16), ...word(value & 0xffff)];

export interface Ipv4 {
  readonly protocol?: number;
  readonly body?: readonly number[];
  readonly options?: readonly number[];
  /** Flags and offset. */
  readonly fragment?: number;
  /** What the header says; the truth unless told otherwise. */
  readonly total?: number;
  /** In words of four bytes. */
  readonly headerLength?: number;
}

/** From 10.0.0.1 to 10.0.0.2, TTL 63, identification 4711. */
export function ipv4({
  protocol = 6,
  body = [],
  options = [],
  fragment = 0,
  ...more
}: Ipv4): number[] {
  const { total = 20 + options.length + body.length, headerLength = 5 + options.length / 4 } = more;
  return [
    ...[0x40 + headerLength, 0, ...word(total), ...word(4711), ...word(fragment)],
    ...[63, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    ...options,
    ...body,
  ];
}

export interface Ipv6 {
  readonly next?: number;
  readonly body?: readonly number[];
  readonly payload?: number;
}

/** From 2001:db8::1 to 2001:db8::2, hop limit 62. */
export function ipv6({ next = 6, body = [], payload = body.length }: Ipv6): number[] {
  const address = (last: number): number[] => [
    0x20,
    1,
    0xd,
    0xb8,
    ...Array<number>(11).fill(0),
    last,
  ];
  return [0x60, 0, 0, 0, ...word(payload), next, 62, ...address(1), ...address(2), ...body];
}

export interface Tcp {
  readonly options?: readonly number[];
  readonly payload?: readonly number[];
  readonly flags?: number;
  /** In words of four bytes. */
  readonly headerLength?: number;
}

/** From port 40000 to 6379, sequence number 100, acknowledgement 200. */
export function tcp({ options = [], payload = [], flags = 0x18, ...more }: Tcp = {}): number[] {
  const { headerLength = 5 + options.length / 4 } = more;
  return [
    ...[...word(40_000), ...word(6379), ...double(100), ...double(200)],
    ...[headerLength << 4, flags, 1, 0, 0, 0, 0, 0],
    ...options,
    ...payload,
  ];
}

/** From port 40000 to 53. */
export function udp(payload: readonly number[] = [], length = 8 + payload.length): number[] {
  return [...word(40_000), ...word(53), ...word(length), 0, 0, ...payload];
}

export const HARDWARE = [2, 66, 172, 17, 0, 3] as const;

export function ethernet(type: number, body: readonly number[]): number[] {
  return [1, 1, 1, 1, 1, 1, ...HARDWARE, ...word(type), ...body];
}
