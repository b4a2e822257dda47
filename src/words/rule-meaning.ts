/** Says in plain words what rules do. */
import type { ConcernedRule, ExplainedRule } from '../model/explain.js';
import { isEverything, writeRange, type AddressRange } from '../model/range.js';
import type { MapEntry, Match, PortRange, Step, RuleVerdict } from '../model/rules.js';

/** A rule that concerns a port, with what it does. */
export function explainRule({ steps, packets, ...name }: ConcernedRule): ExplainedRule {
  const meaning = steps === null ? tellPolicy('drop') : tellRule(steps);
  return { ...name, meaning, packets };
}

/** One sentence without a full stop: `everything that goes to port 6379 is sent to 172.18.0.2:6379`. */
export function tellRule(steps: readonly Step[]): string {
  const conditions: string[] = [];
  const effects: string[] = [];
  const notes: string[] = [];
  for (const step of steps) {
    switch (step.kind) {
      case 'match': {
        const words = tellMatch(step.match);
        if (words !== '') conditions.push(words);
        break;
      }
      case 'verdict':
        effects.push(tellVerdict(step.verdict));
        break;
      case 'map':
        effects.push(tellMap(step.entries));
        break;
      case 'set-mark':
        effects.push(`is marked with ${writeMark(step.value)}`);
        break;
      case 'set-connection-mark':
        effects.push(`has its connection marked with ${writeMark(step.value)}`);
        break;
      case 'save-mark':
        effects.push('has its mark kept for the whole connection');
        break;
      case 'restore-mark':
        effects.push("gets its connection's mark");
        break;
      case 'notrack':
        effects.push('is left out of connection tracking, so it is never translated');
        break;
      case 'zone':
        effects.push(`is kept in zone ${step.zone} of connection tracking`);
        break;
      case 'helper':
        effects.push(`gets the connection helper ${step.name}`);
        break;
      case 'offload':
        effects.push('is forwarded by a flow table from here on');
        break;
      case 'note':
        notes.push(step.text);
        break;
    }
  }
  const subject = tellSubject(conditions);
  if (effects.length === 0) return `${subject} is ${notes.length > 0 ? 'noted' : 'counted'}`;
  return `${subject}${effects.map((effect) => (effect.startsWith(':') ? effect : ` ${effect}`)).join(', and')}`;
}

/** Most entries of a map that are listed; the others are counted. */
const MOST_ENTRIES = 6;

function tellMap(entries: readonly MapEntry[]): string {
  const told = entries.slice(0, MOST_ENTRIES).map(tellEntry);
  const more = entries.length - told.length;
  return `: ${[...told, ...(more > 0 ? [`and so on, ${more} more`] : [])].join('; ')}`;
}

function tellSubject(conditions: readonly string[]): string {
  return conditions.length === 0
    ? 'everything'
    : `everything that ${joinWords([...new Set(conditions)])}`;
}

/** The sentence for a base chain's policy. */
function tellPolicy(policy: 'accept' | 'drop'): string {
  return `everything that no rule has decided is ${policy === 'drop' ? 'dropped' : 'let through'}`;
}

function tellMatch(match: Match): string {
  const not = match.not ? 'not ' : '';
  const verb = (plain: string, third: string): string => (match.not ? `does not ${plain}` : third);
  switch (match.on) {
    case 'in-device':
      return `${verb('come in', 'comes in')} on ${listWords(match.names)}`;
    case 'out-device':
      return `${verb('leave', 'leaves')} by ${listWords(match.names)}`;
    case 'in-kind':
      return `${verb('come in', 'comes in')} on a device of the kind ${listWords(match.names)}`;
    case 'out-kind':
      return `${verb('leave', 'leaves')} by a device of the kind ${listWords(match.names)}`;
    case 'source':
      return everywhere(match.ranges, match.not)
        ? ''
        : `${verb('come', 'comes')} from ${listAddresses(match)}`;
    case 'destination':
      return everywhere(match.ranges, match.not)
        ? ''
        : `${verb('go', 'goes')} to ${listAddresses(match)}`;
    case 'source-port':
      return `${verb('come', 'comes')} from port ${listWords(match.ranges.map(writePorts))}`;
    case 'destination-port':
      return `${verb('go', 'goes')} to port ${listWords(match.ranges.map(writePorts))}`;
    case 'either-port':
      return `${verb('go', 'goes')} to or from port ${listWords(match.ranges.map(writePorts))}`;
    case 'original-source':
      return `was ${not}sent by the client as ${listAddresses(match)}`;
    case 'original-destination':
      return `was ${not}sent to ${listAddresses(match)} by the client`;
    case 'original-source-port':
      return `was ${not}sent by the client from port ${listWords(match.ranges.map(writePorts))}`;
    case 'original-port':
      return `was ${not}sent to port ${listWords(match.ranges.map(writePorts))} by the client`;
    case 'reply-source':
      return `is ${not}answered from ${listAddresses(match)}`;
    case 'reply-destination':
      return `is ${not}answered to ${listAddresses(match)}`;
    case 'reply-source-port':
      return `is ${not}answered from port ${listWords(match.ranges.map(writePorts))}`;
    case 'reply-port':
      return `is ${not}answered to port ${listWords(match.ranges.map(writePorts))}`;
    case 'direction':
      return `${verb('go', 'goes')} from ${match.reply ? 'server to client' : 'client to server'}`;
    case 'helper':
      return `${verb('have', 'has')} the connection helper ${match.name}`;
    case 'bits':
      return `${verb('meet', 'meets')} "${match.text}"`;
    case 'reverse-path':
      return `${verb('come', 'comes')} by the way that leads back to its source`;
    case 'fact':
      return `${verb('meet', 'meets')} "${match.text}"`;
    case 'one-of':
      return `is ${not}one of ${match.entries.length} listed in "${match.text}"`;
    case 'protocol':
      return `is ${not}${listWords(match.names.map(nameProtocol))}`;
    case 'family':
      return `is ${not}${match.names.includes('ip6') ? 'IPv6' : 'IPv4'}`;
    case 'mark':
    case 'connection-mark':
      return `${verb('carry', 'carries')} the mark 0x${match.value.toString(16)}`;
    case 'state':
      return tellState(match.names, match.not);
    case 'source-type':
      return `${verb('come', 'comes')} from ${tellType(match.names, match.here)}`;
    case 'destination-type':
      return `${verb('go', 'goes')} to ${tellType(match.names, match.here)}`;
    case 'tcp-flags':
      return `${verb('have', 'has')} the TCP flags ${[...new Set(match.set)].join(', ') || 'none'} among ${[...new Set(match.among)].join(', ')}`;
    case 'chance':
      return `is ${not}among those that "${match.text}" picks (at random or by rate)`;
    case 'set':
      return `is ${not}in the set ${match.name}`;
    case 'unknown':
      return `${verb('meet', 'meets')} a condition that trace-flow does not know: "${match.text}"`;
  }
}

function nameProtocol(name: string): string {
  return /^(ipv6-icmp|icmpv6)$/.test(name) ? 'ICMPv6' : name.toUpperCase();
}

function tellState(names: readonly string[], not: boolean): string {
  const known = names.every((name) => name === 'established' || name === 'related');
  if (known && names.length === 2) {
    return not ? 'does not belong to a known connection' : 'belongs to a known connection';
  }
  if (names.length === 1 && names[0] === 'dnat') {
    return `has ${not ? 'not ' : ''}been sent elsewhere by a rule before`;
  }
  return `is ${not ? 'not ' : ''}in the state ${names.join(' or ')}`;
}

function tellType(names: readonly string[], here = false): string {
  const where = here ? ' on the device that it came in on' : '';
  return names.length === 1 && names[0] === 'local'
    ? `an address of this host${where}`
    : `an address of type ${names.join(' or ')}${where}`;
}

function tellVerdict(verdict: RuleVerdict): string {
  switch (verdict.do) {
    case 'accept':
      return 'is let through';
    case 'drop':
      return 'is dropped';
    case 'reject':
      return 'is refused';
    case 'return':
      return 'goes back to the chain before';
    case 'continue':
      return 'goes on to the next rule';
    case 'jump':
    case 'goto':
      return `is looked at in ${verdict.chain}`;
    case 'dnat':
      return `is sent to ${writeTarget(verdict.address, verdict.port)}`;
    case 'snat':
      return `gets the source ${writeTarget(verdict.address, verdict.port)}`;
    case 'masquerade':
      return "gets the host's own address as its source";
    case 'redirect':
      return `is sent to this host${verdict.port === null ? '' : `, port ${verdict.port}`}`;
    case 'unknown':
      return `meets what trace-flow does not know: "${verdict.text}"`;
  }
}

function tellEntry(entry: MapEntry): string {
  const conditions = entry.matches.map(tellMatch).filter((words) => words !== '');
  const lead = conditions.length === 0 ? 'otherwise it' : `if it ${joinWords(conditions)}, it`;
  return `${lead} ${tellVerdict(entry.verdict)}`;
}

function writeTarget(address: string | null, port: number | null): string {
  if (address === null) return port === null ? 'itself' : `port ${port}`;
  if (port === null) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function everywhere(ranges: readonly AddressRange[], not: boolean): boolean {
  return !not && ranges.some(isEverything);
}

function listAddresses({
  ranges,
  mask,
}: {
  readonly ranges: readonly AddressRange[];
  readonly mask?: bigint;
}): string {
  const bits = mask === undefined ? '' : ` in the bits 0x${mask.toString(16)}`;
  return listWords(ranges.map(writeRange)) + bits;
}

function writeMark(value: number | null): string {
  return value === null ? 'a computed value' : `0x${value.toString(16)}`;
}

function writePorts({ low, high }: PortRange): string {
  return low === high ? String(low) : `${low}-${high}`;
}

function listWords(words: readonly string[]): string {
  return words.length > 6
    ? `${words.slice(0, 5).join(', ')} and ${words.length - 5} more`
    : words.join(' or ');
}

function joinWords(conditions: readonly string[]): string {
  const [last = '', ...others] = [...conditions].reverse();
  return others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
}
