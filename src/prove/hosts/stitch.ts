/** Joins the parts of a connection that several hosts saw, the client's first, into one connection of the report. */
import type { PartMeeting } from '../../correlate/hosts/chains.js';
import type { JointJudgement } from '../../model/joint.js';
import type { Crossing } from '../../model/hosts.js';
import type { Connection, Hop } from '../../model/report.js';
import { writeJointReason } from '../../words/hosts.js';
import { listOnce } from '../hops/via.js';
import type { JudgedPart } from './host-trace.js';
import { isOneWay } from './joint.js';
import { countAgain } from './again.js';

/** Claims that only the last host can make, because the connection goes on from the others. */
const ELSEWHERE: ReadonlySet<string> = new Set(['entered-container', 'container-addressed']);

export interface Stitching {
  readonly id: number;
  readonly parts: readonly JudgedPart[];
  readonly meetings: readonly PartMeeting[];
  readonly crossings: readonly Crossing[];
  readonly joint: JointJudgement;
}

export function stitch({ id, parts, meetings, crossings, joint }: Stitching): Connection | null {
  const [first, ...others] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return null;
  const near = first.connection;
  const far = last.connection;
  const all = parts.map(({ connection }) => connection);
  const relays = all.flatMap(({ relay, relays: more }) => more ?? (relay === null ? [] : [relay]));
  const ending = [...all].reverse().find(({ drop }) => drop !== null);
  // The host that dropped it knows about the drop; every other outcome is known at the client.
  const course = near.outcome === 'unanswered' && ending?.outcome === 'dropped' ? ending : near;
  const via = all.flatMap((one) => one.via ?? []);
  const told = parts.map(({ host, connection }) => ({ host: host.name, connection }));
  return {
    ...near,
    id,
    container: findContainer(parts),
    path: joint.path,
    proof: joint.proof,
    reason: writeJointReason(joint, told),
    outcome: course.outcome,
    end: course.end,
    ...tellBytes(parts),
    nat: all.find(({ nat }) => nat !== null)?.nat ?? null,
    relay: relays[0] ?? null,
    ...(relays.length > 1 && { relays }),
    drop: course.drop,
    ...(via.length > 0 && { via: listOnce(via) }),
    retransmits: countAgain(parts),
    sourceSeen: far.sourceSeen,
    ...(far.reached && { reached: far.reached }),
    processes: { client: near.processes.client, server: far.processes.server },
    evidence: parts.flatMap(({ host, connection }, index) =>
      connection.evidence
        .filter(({ code }) => index === parts.length - 1 || !ELSEWHERE.has(code))
        .map((one) => ({ ...one, host: host.name })),
    ),
    why: all.find(({ why }) => why !== null)?.why ?? null,
    hops: stitchHops(parts, meetings),
    hopsOmitted: all.reduce((sum, { hopsOmitted }) => sum + hopsOmitted, 0),
    ...listUnlisted(parts),
    parts: parts.map(({ host, connection }) => {
      const { path, proof, outcome, reason } = connection;
      return { host: host.name, path, proof, outcome, reason };
    }),
    crossings: [...crossings],
    ...(others.length > 0 && { clientNamespace: near.clientNamespace }),
  };
}

/** The container of the last part that knows one. */
export function findContainer(parts: readonly JudgedPart[]): Connection['container'] {
  const part = [...parts].reverse().find(({ connection }) => connection.container !== null);
  const container = part?.connection.container ?? null;
  return container && part ? { ...container, host: part.host.name } : null;
}

/** Bytes and their acknowledgement, from the first host that the answers passed too. */
function tellBytes(parts: readonly JudgedPart[]): Partial<Connection> {
  const told = parts.find((part) => !isOneWay(part))?.connection;
  if (told === undefined) return {};
  const { bytes, handshake, acknowledged } = told;
  return {
    bytes,
    ...(handshake !== undefined && { handshake }),
    ...(acknowledged !== undefined && { acknowledged }),
  };
}

function listUnlisted(parts: readonly JudgedPart[]): Pick<Connection, 'unlistedLegs'> {
  const legs = parts.flatMap(({ connection }, index) =>
    (connection.unlistedLegs ?? []).map((leg) => leg + countRelaysBefore(parts, index)),
  );
  return legs.length > 0 ? { unlistedLegs: [...new Set(legs)] } : {};
}

/** Number of relays before a part, which is the number of its first leg: it continues the last leg before it. */
function countRelaysBefore(parts: readonly JudgedPart[], index: number): number {
  return parts.slice(0, index).reduce((sum, { part }) => sum + part.traced.links.length, 0);
}

/** The hops of all hosts, ordered by the common clock; a packet that two hosts saw gets one journey. */
function stitchHops(parts: readonly JudgedPart[], meetings: readonly PartMeeting[]): Hop[] {
  const joined = joinJourneys(parts, meetings);
  const hops = parts.flatMap(({ host, connection }, index) => {
    const relays = countRelaysBefore(parts, index);
    return connection.hops.map((hop): Hop => {
      const { journey, legNumber, relayNumber } = hop;
      const leg = legNumber === undefined ? undefined : legNumber + relays;
      return {
        ...hop,
        host: host.name,
        leg: (leg ?? relays) > 0 ? 'container' : hop.leg,
        ...(leg !== undefined && { legNumber: leg }),
        ...(relayNumber !== undefined && { relayNumber: relayNumber + relays }),
        ...(journey && { journey: joined.get(`${index} ${journey.id}`)?.tell(journey) ?? journey }),
      };
    });
  });
  return hops.sort((a, b) => Number(BigInt(a.time) - BigInt(b.time)) || a.event - b.event);
}

type Journey = NonNullable<Hop['journey']>;

/** The journey of a packet over all hosts that saw it. */
interface Joined {
  readonly tell: (journey: Journey) => Journey;
}

interface Segment {
  readonly key: string;
  readonly places: number;
  readonly end: Journey['end'];
}

/** Lists the journeys of all parts by `PART JOURNEY`, and which of them each event belongs to. */
function collectSegments(parts: readonly JudgedPart[]): {
  readonly segments: Map<string, Segment>;
  readonly ofEvent: Map<number, string>;
} {
  const segments = new Map<string, Segment>();
  const ofEvent = new Map<number, string>();
  parts.forEach(({ connection }, index) => {
    for (const { journey, event } of connection.hops) {
      if (!journey) continue;
      const key = `${index} ${journey.id}`;
      segments.set(key, { key, places: journey.passages, end: journey.end });
      ofEvent.set(event, key);
    }
  });
  return { segments, ofEvent };
}

/** Maps each journey to the one that continues it on the next host. */
function linkSegments(
  meetings: readonly PartMeeting[],
  ofEvent: ReadonlyMap<number, string>,
): Map<string, string> {
  const next = new Map<string, string>();
  for (const { near, far } of meetings.flatMap(({ packets }) => packets)) {
    const [sent, came] = near.request ? [near, far] : [far, near];
    const from = ofEvent.get(sent.event.id);
    const to = ofEvent.get(came.event.id);
    if (from !== undefined && to !== undefined) next.set(from, to);
  }
  return next;
}

/** @returns joined journeys by `PART JOURNEY`, the index of the part and the id of the journey in it */
function joinJourneys(
  parts: readonly JudgedPart[],
  meetings: readonly PartMeeting[],
): Map<string, Joined> {
  const { segments, ofEvent } = collectSegments(parts);
  const next = linkSegments(meetings, ofEvent);
  const behind = new Set(next.values());
  const joined = new Map<string, Joined>();
  const numbers = new Map<string, number>();
  let journeys = 0;
  for (const start of segments.keys()) {
    if (behind.has(start)) continue;
    const way: Segment[] = [];
    for (let key: string | undefined = start; key !== undefined; key = next.get(key)) {
      const segment = segments.get(key);
      if (segment === undefined || way.includes(segment)) break;
      way.push(segment);
    }
    journeys += 1;
    const id = journeys;
    for (const { key } of way) numbers.set(key, id);
    const passages = way.reduce((sum, { places }) => sum + places, 0);
    const end = way.at(-1)?.end ?? 'unknown';
    let before = 0;
    for (const { key, places } of way) {
      const offset = before;
      const [part] = key.split(' ');
      joined.set(key, {
        tell: ({ passage, copyOf }) => {
          const original = copyOf === undefined ? undefined : numbers.get(`${part} ${copyOf}`);
          return {
            id,
            passage: passage + offset,
            passages,
            end,
            ...(original !== undefined && { copyOf: original }),
          };
        },
      });
      before += places;
    }
  }
  return joined;
}
