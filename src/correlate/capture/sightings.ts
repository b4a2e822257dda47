/** Summarises where a leg's packets were seen: at each device, in which direction and with which TTLs. */
import { BIT, type PacketTable } from '../../model/packet-table.js';
import type { SidedRows } from './packet-range.js';

/** What one device saw of one direction of a leg. */
export interface Seen {
  /** Highest and lowest TTL. */
  readonly most: number;
  readonly least: number;
  readonly in: boolean;
  readonly out: boolean;
  /** The sender's hardware address there. */
  readonly hardware: string | null;
}

export interface DeviceSighting {
  readonly device: number;
  readonly request: Seen | null;
  readonly reply: Seen | null;
}

/** Whether a TTL is one that systems start with, so that no router has forwarded the packet yet. */
export function isInitialTtl(ttl: number): boolean {
  return ttl === 64 || ttl === 128 || ttl === 255;
}

type Draft = { -readonly [K in keyof Seen]: Seen[K] };
interface DraftSighting {
  readonly device: number;
  request: Draft | null;
  reply: Draft | null;
}

/** What each device saw of a leg. A damaged packet may show any TTL, so it shows nothing. */
export function listSightings(leg: SidedRows): DeviceSighting[] {
  const drafts: DraftSighting[] = [];
  const { table, rows, from, to } = leg.range;
  for (const requests of [true, false]) {
    for (let at = from; at < to; at++) {
      const row = rows[at] ?? 0;
      if (leg.isRequest(row) !== requests || table.has(row, BIT.DAMAGED)) continue;
      const device = table.device[row] ?? 0;
      let draft = findDraft(drafts, device);
      if (!draft) drafts.push((draft = { device, request: null, reply: null }));
      if (requests) draft.request = include(draft.request, table, row);
      else draft.reply = include(draft.reply, table, row);
    }
  }
  return drafts;
}

function findDraft(drafts: readonly DraftSighting[], device: number): DraftSighting | undefined {
  for (const draft of drafts) if (draft.device === device) return draft;
  return undefined;
}

function include(seen: Draft | null, table: PacketTable, row: number): Draft {
  const ttl = table.ttl[row] ?? 0;
  const draft = seen ?? {
    most: ttl,
    least: ttl,
    in: false,
    out: false,
    hardware: table.hardwareOf(row),
  };
  if (ttl > draft.most) draft.most = ttl;
  if (ttl < draft.least) draft.least = ttl;
  if (table.has(row, BIT.DIRECTED)) draft[table.has(row, BIT.OUT) ? 'out' : 'in'] = true;
  return draft;
}

/**
 * Whether the leg was seen at two devices with the whole machine between them: requests came in at one and left by the
 * other, replies took the reverse way, all under the same addresses. Anything less may be the remains of a rewriting: a
 * bridge that passes its frames through netfilter shows them rewritten, with their initial TTL, already at its own
 * device.
 */
export function findCrossing(sightings: readonly DeviceSighting[]): 'routed' | 'bridged' | null {
  let [near, far, enters, leaves] = [false, false, false, false];
  for (const { request, reply } of sightings) {
    if (request === null || reply === null) continue;
    near ||= isFresh(request) && isRouted(reply);
    far ||= isRouted(request) && isFresh(reply);
    if (!isFresh(request) || !isFresh(reply)) continue;
    enters ||= onlyIn(request) && onlyOut(reply);
    leaves ||= onlyOut(request) && onlyIn(reply);
  }
  if (near && far) return 'routed';
  return enters && leaves ? 'bridged' : null;
}

function isFresh({ most, least }: Seen): boolean {
  return most === least && isInitialTtl(most);
}

function isRouted({ most }: Seen): boolean {
  return !isInitialTtl(most);
}

function onlyIn(seen: Seen): boolean {
  return seen.in && !seen.out;
}

function onlyOut(seen: Seen): boolean {
  return seen.out && !seen.in;
}
