/** What an ICMP error says, in words (RFC 792, RFC 4443). */

const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'packet too big',
  9: 'network administratively prohibited',
  10: 'host administratively prohibited',
  13: 'administratively prohibited',
};

const UNREACHABLE_V6: Readonly<Record<number, string>> = {
  0: 'no route',
  1: 'administratively prohibited',
  3: 'host unreachable',
  4: 'port unreachable',
};

export function describeIcmp(version: number, type: number, code: number): string {
  if (version === 6) {
    if (type === 1) return UNREACHABLE_V6[code] ?? `unreachable, code ${code}`;
    if (type === 2) return 'packet too big';
    return type === 3 ? 'time exceeded' : `ICMPv6 type ${type}, code ${code}`;
  }
  if (type === 3) return UNREACHABLE[code] ?? `unreachable, code ${code}`;
  return type === 11 ? 'time exceeded' : `ICMP type ${type}, code ${code}`;
}
