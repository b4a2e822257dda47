/** Reads the lines of `nft monitor trace`: packets, and the rules that each of them met. */
import { canonicalAddress, type Endpoint } from '../../model/address.js';
import { OWN_TABLE, type RuleTrace } from '../../model/rule-trace.js';

const LINE = /^trace id (\w+) (\w+) (\S+) (\S+) (packet:|rule|policy|unknown rule) ?(.*)$/;

/** A trace that still grows. */
interface Draft extends RuleTrace {
  readonly met: RuleTrace['met'][number][];
}

export class RuleTraceReader {
  readonly #table: string;
  /** By the number that the kernel gives a packet; numbers are reused. */
  readonly #current = new Map<string, Draft>();
  readonly traces: RuleTrace[] = [];
  /** Whether nft reported that it lost messages. */
  lost = false;

  /** `table` is the table that marks packets: a packet that is seen there is at the start of its path. */
  constructor(table: string) {
    this.#table = table;
  }

  /** `wall` is the moment at which the line was read. */
  read(line: string, wall: number): void {
    if (/lost .*events|No buffer space/i.test(line)) this.lost = true;
    const [, id = '', family = '', table = '', chain = '', what, rest = ''] = LINE.exec(line) ?? [];
    if (what === undefined) return;
    if (table === this.#table) {
      if (what === 'packet:') this.#begin(id, rest, wall);
      return;
    }
    const draft = this.#current.get(id);
    if (what === 'packet:' || draft === undefined || OWN_TABLE.test(table)) return;
    const where = { family, table, chain };
    if (what === 'policy') {
      draft.met.push({ ...where, rule: null, verdict: rest.trim() });
      return;
    }
    const [, text = rest, verdict = 'continue'] = /^(.*) \(verdict (.+)\)$/.exec(rest.trim()) ?? [];
    const rule = what === 'rule' ? clean(text) : `a rule that is gone, ${text}`;
    draft.met.push({ ...where, rule, verdict });
  }

  #begin(id: string, headers: string, wall: number): void {
    const [, protocol, sport, dport] =
      /\b(tcp|udp) sport (\d+) (?:tcp|udp) dport (\d+)/.exec(headers) ?? [];
    const source = readEnd(/\bip6? saddr (\S+)/.exec(headers)?.[1], sport);
    const destination = readEnd(/\bip6? daddr (\S+)/.exec(headers)?.[1], dport);
    this.#current.delete(id);
    if (source === null || destination === null) return;
    const draft: Draft = {
      wall,
      source,
      destination,
      met: [],
      protocol: protocol === 'udp' ? 'udp' : 'tcp',
    };
    this.#current.set(id, draft);
    this.traces.push(draft);
  }
}

/** Removes the counts, which are not part of the rule, and the gaps that iptables leaves. */
function clean(text: string): string {
  return text
    .replace(/counter packets \d+ bytes \d+/, 'counter')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}

function readEnd(text: string | undefined, port: string | undefined): Endpoint | null {
  const address = text === undefined ? null : canonicalAddress(text);
  return address === null || port === undefined ? null : { address, port: Number(port) };
}
