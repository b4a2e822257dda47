/** Builds a table of many rows: one page of it is in the document; sorting covers all rows. */
import { formatCount } from '../../../words/numbers.js';
import { button, element } from './dom.js';

export interface Column<T> {
  readonly head: string;
  /** What is shown; also the sort key, unless `order` is given. */
  readonly text: (row: T) => string;
  readonly order?: (row: T) => number;
  readonly number?: boolean;
}

export interface TableOptions<T> {
  readonly name: string;
  readonly columns: readonly Column<T>[];
  readonly pageSize: number;
  /** The number in the first column, and what its button does. */
  readonly keyOf: (row: T) => number;
  readonly open: (row: T) => void;
  readonly openLabel: string;
  readonly classOf: (row: T) => string;
}

/** Texts with more characters than this may be cut in their cell: a tooltip has the whole. */
const CUT_FROM = 30;

export interface TableView<T> {
  readonly element: HTMLElement;
  /** Replaces the rows; the first page is shown. */
  readonly setRows: (rows: readonly T[]) => void;
  /** Updates the rows' classes. */
  readonly refresh: () => void;
  /** Turns to the page of the first row with one of these keys. */
  readonly turnTo: (keys: ReadonlySet<number>) => void;
}

/** Makes an empty table; every heading sorts, arrow keys move from row to row and across pages. */
export function createTable<T>(options: TableOptions<T>): TableView<T> {
  const { name, columns, pageSize, keyOf } = options;
  let rows: readonly T[] = [];
  let page = 0;
  let sortedBy = -1;
  let falling = false;

  const heads = columns.map(({ head, number }, i) => {
    const sorter = button(head, null, () => sortBy(i));
    return element('th', { scope: 'col', class: number ? 'number' : null }, [sorter]);
  });
  const body = element('tbody');
  const top = element('thead', {}, [element('tr', {}, heads)]);
  const table = element('table', { 'aria-label': name }, [top, body]);
  const pager = createPager(name, (step) => show(page + step));

  function show(wanted: number): void {
    page = Math.min(Math.max(0, wanted), Math.max(1, Math.ceil(rows.length / pageSize)) - 1);
    const from = page * pageSize;
    body.replaceChildren(...rows.slice(from, from + pageSize).map((row) => drawRow(row, options)));
    pager.tell({ from, to: Math.min(rows.length, from + pageSize), all: rows.length });
  }

  function sortBy(column: number): void {
    falling = sortedBy === column ? !falling : false;
    sortedBy = column;
    heads.forEach((head, i) => {
      const order = falling ? 'descending' : 'ascending';
      markHead(head, columns[i]?.head ?? '', i === column ? order : null);
    });
    setRows(rows);
  }

  function setRows(given: readonly T[]): void {
    const column = columns[sortedBy];
    rows = column ? sortRows(given, column, falling) : given;
    show(0);
  }

  moveByKeys(table, body, (step) => {
    const before = page;
    show(page + step);
    return page !== before;
  });

  return {
    element: element('div', {}, [element('div', { class: 'scroll' }, [table]), pager.element]),
    setRows,
    refresh: () => {
      [...body.rows].forEach((line, i) => {
        const row = rows[page * pageSize + i];
        if (row !== undefined) line.className = options.classOf(row);
      });
    },
    turnTo: (keys) => {
      const at = rows.findIndex((row) => keys.has(keyOf(row)));
      if (at >= 0) show(Math.floor(at / pageSize));
    },
  };
}

/** Shows in a heading whether the rows are sorted by it, and in which direction. */
function markHead(head: HTMLElement, text: string, order: 'ascending' | 'descending' | null): void {
  if (order === null) head.removeAttribute('aria-sort');
  else head.setAttribute('aria-sort', order);
  const mark = order === null ? '' : order === 'descending' ? ' ▼' : ' ▲';
  if (head.firstElementChild) head.firstElementChild.textContent = text + mark;
}

function sortRows<T>(rows: readonly T[], { order, text }: Column<T>, falling: boolean): T[] {
  const rising = order
    ? rows.toSorted((a, b) => order(a) - order(b))
    : rows.toSorted((a, b) => text(a).localeCompare(text(b), 'en', { numeric: true }));
  return falling ? rising.reverse() : rising;
}

/**
 * Lets arrow keys move from row to row, and across pages.
 * @param turn shows the previous or the next page; false if there is none
 */
function moveByKeys(table: HTMLElement, body: HTMLElement, turn: (step: number) => boolean): void {
  table.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...body.querySelectorAll('button')];
    const at = buttons.findIndex((one) => one === document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[at + step];
    if (next) next.focus();
    else if (!turn(step)) buttons[at]?.focus();
    else [...body.querySelectorAll('button')].at(step > 0 ? 0 : -1)?.focus();
  });
}

function drawRow<T>(row: T, options: TableOptions<T>): HTMLElement {
  const cells = options.columns.map(({ text, number }, i) => {
    const shown = text(row);
    const whole = shown.length > CUT_FROM ? shown : null;
    if (i > 0) return element('td', { class: number ? 'number' : null, title: whole }, shown);
    const open = button(shown, `${options.openLabel} ${shown}`, () => options.open(row));
    return element('td', { class: 'number' }, [open]);
  });
  const attributes = { class: options.classOf(row), 'data-key': options.keyOf(row) };
  return element('tr', attributes, cells);
}

interface Pager {
  readonly element: HTMLElement;
  /** Tells which rows are shown, and of how many. */
  readonly tell: (shown: { from: number; to: number; all: number }) => void;
}

function createPager(name: string, turn: (step: number) => void): Pager {
  const place = element('span', { role: 'status' });
  const back = button('‹', `${name}: page before`, () => turn(-1));
  const forth = button('›', `${name}: next page`, () => turn(1));
  return {
    element: element('div', { class: 'bar' }, [back, forth, place]),
    tell: ({ from, to, all }) => {
      back.disabled = from === 0;
      forth.disabled = to >= all;
      const shown = `${formatCount(from + 1)}–${formatCount(to)} of ${formatCount(all)}`;
      place.textContent = all === 0 ? 'none' : shown;
    },
  };
}
