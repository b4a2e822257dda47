/** Finds the rows of a ladder that carry the same bytes: on the client's leg, in the relay, on the other leg. */
import type { Hop } from '../../model/report.js';
import type { Row } from './scene.js';

interface Piece {
  readonly flow: string;
  readonly from: number;
  readonly to: number;
}

/** The events of the given row, and of every row that carries some of its bytes. */
export function relatedEvents(
  row: Row,
  rows: readonly Row[],
  hopOf: (event: number) => Hop | undefined,
): Set<number> {
  if (row.type === 'remark') return new Set();
  const own = pieceOf(row, hopOf);
  const related = rows.filter((other) => {
    if (other === row) return true;
    const piece = own && pieceOf(other, hopOf);
    return piece?.flow === own?.flow && overlaps(piece, own);
  });
  return new Set(related.flatMap((other) => (other.type === 'remark' ? [] : other.events)));
}

function overlaps(a: Piece | null, b: Piece | null): boolean {
  return a !== null && b !== null && a.from < b.to && b.from < a.to;
}

function pieceOf(row: Row, hopOf: (event: number) => Hop | undefined): Piece | null {
  if (row.type === 'remark') return null;
  const pieces = row.events.flatMap((event) => hopOf(event)?.stream ?? []);
  if (pieces.length === 0) return null;
  return {
    flow: row.flow,
    from: Math.min(...pieces.map(({ from }) => from)),
    to: Math.max(...pieces.map(({ to }) => to)),
  };
}
