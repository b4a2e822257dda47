/** Checks that an `explain --json` document has valid addresses and ports where they are expected. */
import { canonicalAddress } from '../model/address.js';
import type { Explanation } from '../model/explain.js';
import { parseRange } from '../model/range.js';

/** @returns the first invalid value, as a sentence without a full stop; null when all are valid. */
export function findNonsense(document: Explanation): string | null {
  for (const [place, text] of listAddresses(document)) {
    if (canonicalAddress(text) === null) return `${place} is ${show(text)}, which is no address`;
  }
  for (const [place, text] of listNetworks(document)) {
    if (!parseRange(text) || text.includes('-')) {
      return `${place} is ${show(text)}, which is no address with a prefix length`;
    }
  }
  for (const [place, text] of listEndpoints(document)) {
    const [, address = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
    if (canonicalAddress(address) === null || !isPort(Number(port))) {
      return `${place} is ${show(text)}, which is no address with a port`;
    }
  }
  for (const [place, port] of listPorts(document)) {
    if (!isPort(port)) return `${place} is ${port}, which is no port`;
  }
  return null;
}

type Told<T> = Generator<readonly [place: string, value: T]>;

function* listAddresses({ containers, bridges, host }: Explanation): Told<string> {
  for (const [i, { places, published }] of containers.entries()) {
    for (const [j, { address }] of places.entries()) {
      yield [`containers[${i}].places[${j}].address`, address];
    }
    for (const [j, { hostAddress }] of published.entries()) {
      yield [`containers[${i}].published[${j}].hostAddress`, hostAddress];
    }
  }
  for (const [i, { members }] of bridges.entries()) {
    for (const [j, { address }] of members.entries()) {
      if (address !== null) yield [`bridges[${i}].members[${j}].address`, address];
    }
  }
  for (const [i, { gateway, source }] of host.routes.entries()) {
    if (gateway !== null) yield [`host.routes[${i}].gateway`, gateway];
    if (source !== null) yield [`host.routes[${i}].source`, source];
  }
}

function* listNetworks({ bridges, host, containers }: Explanation): Told<string> {
  for (const [i, { addresses }] of bridges.entries()) {
    for (const [j, address] of addresses.entries())
      yield [`bridges[${i}].addresses[${j}]`, address];
  }
  for (const [i, { addresses }] of host.devices.entries()) {
    for (const [j, address] of addresses.entries()) {
      yield [`host.devices[${i}].addresses[${j}]`, address];
    }
  }
  for (const [i, { destination }] of host.routes.entries()) {
    yield [`host.routes[${i}].destination`, destination];
  }
  const all = [
    ['host.routing', host.routing] as const,
    ...containers.map(
      ({ inside }, i) => [`containers[${i}].inside.routing`, inside?.routing] as const,
    ),
  ];
  for (const [place, routing] of all) {
    for (const [i, { destination }] of routing?.routes.entries() ?? []) {
      yield [`${place}.routes[${i}].destination`, destination];
    }
    for (const [i, { from, to }] of routing?.rules.entries() ?? []) {
      if (from !== null) yield [`${place}.rules[${i}].from`, from];
      if (to !== null) yield [`${place}.rules[${i}].to`, to];
    }
  }
}

function* listEndpoints({ relays, sockets }: Explanation): Told<string> {
  for (const [i, { listens, target }] of relays.entries()) {
    yield [`relays[${i}].listens`, listens];
    if (target !== null) yield [`relays[${i}].target`, target];
  }
  for (const [i, { address }] of sockets.entries()) yield [`sockets[${i}].address`, address];
}

function* listPorts({ containers, socketPorts }: Explanation): Told<number> {
  for (const [i, { published }] of containers.entries()) {
    for (const [j, { hostPort, containerPort }] of published.entries()) {
      yield [`containers[${i}].published[${j}].hostPort`, hostPort];
      yield [`containers[${i}].published[${j}].containerPort`, containerPort];
    }
  }
  for (const [i, port] of (socketPorts ?? []).entries()) yield [`socketPorts[${i}]`, port];
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65536;
}

const LONGEST = 60;

/** Quoted, without control characters, and not too long. */
function show(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
}
