/** A line of cells that can be written in any order and never grows: what does not fit is cut. */
import { splitGraphemes, widthOf } from '../text.js';
import type { Paint, Role } from './paint.js';

interface Cell {
  /** Empty for the second half of a wide character. */
  readonly text: string;
  readonly role: Role;
}

const BLANK: Cell = { text: ' ', role: 'plain' };

export class Line {
  readonly #cells: Cell[];

  constructor(readonly width: number) {
    this.#cells = Array.from({ length: width }, () => BLANK);
  }

  /** Writes text from column `at` on; what lies outside the line is left out. */
  put(at: number, text: string, role: Role = 'plain'): void {
    let column = at;
    for (const grapheme of splitGraphemes(text)) {
      const columns = widthOf(grapheme);
      if (columns > 0 && column >= 0 && column + columns <= this.width) {
        this.#erase(column, columns);
        this.#cells[column] = { text: grapheme, role };
        if (columns === 2) this.#cells[column + 1] = { text: '', role };
      }
      column += columns;
    }
  }

  /** Writes text with its middle at `center`, moved so that it stays between `min` and `max` (exclusive). */
  putCentered(center: number, text: string, role: Role, [min, max] = [0, this.width]): void {
    const width = widthOf(text);
    const wanted = center - Math.floor((width - 1) / 2);
    this.put(Math.max(min, Math.min(wanted, max - width)), text, role);
  }

  isBlank(from: number, to: number): boolean {
    return this.#cells.slice(Math.max(0, from), Math.max(0, to)).every((cell) => cell.text === ' ');
  }

  /** The line without trailing blanks; neighbouring cells of one role are painted together. */
  toText(paint: Paint): string {
    const end = this.#cells.findLastIndex((cell) => cell.text !== ' ');
    let text = '';
    let run = '';
    let role: Role = 'plain';
    for (const cell of this.#cells.slice(0, end + 1)) {
      if (cell.role !== role && cell.text !== ' ') {
        text += paint(role, run);
        run = '';
        role = cell.role;
      }
      run += cell.text;
    }
    return text + paint(role, run);
  }

  /** Overwriting half of a wide character blanks its other half. */
  #erase(column: number, columns: number): void {
    if (this.#cells[column]?.text === '') this.#cells[column - 1] = BLANK;
    const next = column + columns;
    if (this.#cells[next]?.text === '') this.#cells[next] = BLANK;
  }
}
