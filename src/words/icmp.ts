/** Says in words what an ICMP error reports (RFC 792, RFC 4443). */
import type { IcmpError, IcmpMessage } from '../model/conversation.js';

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

function writeIcmp({ version, type, code }: IcmpMessage): string {
  if (version === 6) {
    if (type === 1) return UNREACHABLE_V6[code] ?? `unreachable, code ${code}`;
    if (type === 2) return 'packet too big';
    return type === 3 ? 'time exceeded' : `version 6, type ${type}, code ${code}`;
  }
  if (type === 3) return UNREACHABLE[code] ?? `unreachable, code ${code}`;
  return type === 11 ? 'time exceeded' : `type ${type}, code ${code}`;
}

/** The error and its sender, in place of the drop reason and the function that a host would report. */
export function writeReported({ message, from }: IcmpError): { reason: string; function: string } {
  return { reason: `ICMP ${writeIcmp(message)}`, function: `reported by ${from}` };
}
