/** Where things stand in a line of the ladder. */
import { Line } from './canvas.js';

export const TIME_WIDTH = 7;

export interface Grid {
  readonly columns: number;
  /** Column of each lane. */
  readonly x: readonly number[];
  readonly spacing: number;
  readonly labelAt: number;
  readonly labelWidth: number;
}

/** Column of a lane. */
export function columnOf(grid: Grid, lane: number): number {
  return grid.x[lane] ?? 0;
}

/** A line with nothing but the lanes. */
export function startLine(grid: Grid, rail = '│'): Line {
  const line = new Line(grid.columns);
  for (const x of grid.x) line.put(x, rail, 'dim');
  return line;
}
