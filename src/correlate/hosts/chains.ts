/** Joins connections of several hosts into chains that are one connection, starting at the client's host. */
import type { TracedConnection } from '../connections.js';
import type { Meeting } from './meet.js';
import { showFace, type Face } from './face.js';

/** One host's view of a connection, and how it looks at the edge of the host. */
export interface Part {
  /** Number of the host. */
  readonly host: number;
  readonly traced: TracedConnection;
  /** How it entered the host, and how it left again; null where it began or ended there, or where that was not seen. */
  readonly comes: Face | null;
  readonly leaves: Face | null;
}

export type PartMeeting = Meeting & { readonly from: Part; readonly to: Part };

export interface Chain {
  readonly parts: readonly Part[];
  /** What ties each part to the one before it: one fewer than parts. */
  readonly meetings: readonly PartMeeting[];
}

export function makePart(host: number, traced: TracedConnection): Part {
  const { leg, links } = traced;
  const last = links.at(-1)?.upstream ?? leg;
  return { host, traced, comes: showFace(leg, 'in'), leaves: showFace(last, 'out') };
}

/** Puts every part into one chain. Parts that would form a cycle stay alone: they show the same place twice. */
export function buildChains(parts: readonly Part[], meetings: readonly PartMeeting[]): Chain[] {
  const next = new Map(meetings.map((meeting) => [meeting.from, meeting]));
  const behind = new Set(meetings.map(({ to }) => to));
  const chained = new Set<Part>();
  const chains = parts
    .filter((part) => !behind.has(part))
    .map((first): Chain => {
      const chain = [first];
      const ties: PartMeeting[] = [];
      for (let tie = next.get(first); tie !== undefined; tie = next.get(tie.to)) {
        if (chain.some(({ host }) => host === tie?.to.host)) break;
        chain.push(tie.to);
        ties.push(tie);
      }
      for (const part of chain) chained.add(part);
      return { parts: chain, meetings: ties };
    });
  const left = parts.filter((part) => !chained.has(part));
  return [...chains, ...left.map((part): Chain => ({ parts: [part], meetings: [] }))];
}
