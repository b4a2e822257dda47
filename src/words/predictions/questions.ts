/** Names the unknowns that a prediction depends on. */
import type { Question } from '../../model/question.js';
import { write, type Writers } from '../writers.js';

/** As the end of "it depends on …". */
export function writeQuestion(question: Question): string {
  return write<Question, string, []>(QUESTIONS, question);
}

const QUESTIONS: Writers<Question, string> = {
  'as-written': ({ text }) => text,
  holds: ({ text }) =>
    `${text}, which completes the handshake in the server's place and then lets the client hang; behind DNAT the client hangs before it`,
  'single-bits': () => 'an address of which a rule asks for single bits',
  address: ({ of }) => `the ${of}'s address, which a rule asks for`,
  'address-type': ({ names }) => `whether ${names.join(' or ')} is what the address is there`,
  'client-port': () => "the client's port, which a rule asks for",
  helper: ({ name }) => `the helper "${name}"`,
  'computed-mark': () => 'a mark that a rule computes',
  device: ({ which, names }) => `whether the ${DEVICES[which]} is ${names.join(' or ')}`,
  'chain-devices': ({ chain }) => `for which devices chain ${chain} is`,
  'first-registered': ({ tables, nat }) => {
    const names = tables.map(({ backend, table }) => `${backend} (table ${table})`);
    return `whether ${names.join(' or ')} has registered its chain ${nat ? 'for NAT ' : ''}first`;
  },
  'bridge-order': () => 'whether rules of the bridge see it before or after it is rewritten',
  'unknown-target': ({ chain }) => `the target ${chain}, which is not known`,
  'endless-jumps': () => 'chains that jump to each other',
  'routing-rule': ({ rule }) => `whether the routing rule "${rule}" applies`,
  route: ({ route }) => `whether the route "${route}" is for it`,
  multipath: ({ to, devices, table }) =>
    `which way of the multipath route to ${to} it takes (${devices.join(' or ')}, table ${table})`,
  'fixed-neighbour': ({ address, device }) =>
    `whether the client is ${address}, whose neighbour entry on ${device} is permanent`,
  'client-place': () => 'where the client is',
  'client-on-link': ({ device }) =>
    `whether the client is on the link of ${device} or beyond a gateway`,
  'client-in-network': ({ network }) =>
    `whether the client is in ${network}, which a route or a routing rule names`,
};

const DEVICES = {
  outer: 'outer device',
  leaving: 'device it leaves by',
  port: 'port of the bridge',
};
