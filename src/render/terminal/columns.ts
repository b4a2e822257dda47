/** Sets the cells of a table in columns of fixed width: names to the left, numbers to the right. */
import { padEnd, padStart, shorten, widthOf } from '../text.js';

export interface Column {
  readonly width: number;
  /** Whether it holds numbers. */
  readonly number: boolean;
}

/** One row; what is too wide for its column is cut. */
export function setRow(cells: readonly string[], columns: readonly Column[], gap = '  '): string {
  return columns
    .map(({ width, number }, i) => {
      const cell = shorten(cells[i] ?? '', width);
      return number ? padStart(cell, width) : padEnd(cell, width);
    })
    .join(gap)
    .trimEnd();
}

/** The width of each column's widest cell. */
export function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const [head = []] = rows;
  return head.map((_, i) => Math.max(...rows.map((row) => widthOf(row[i] ?? ''))));
}
