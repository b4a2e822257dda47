/** A table of many rows: one page of it in the document, sorted and filtered over all. */
import { formatCount } from '../../format.js';
import { button, element } from './dom.js';

export interface Column<T> {
  readonly head: string;
  /** What is shown, and sorted by unless `order` says otherwise. */
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

/** Characters from which on a cell may be too narrow: pointing at it tells the whole. */
const CUT_FROM = 30;

export interface TableView<T> {
  readonly element: HTMLElement;
  /** Replaces the rows; the first page is shown. */
  readonly setRows: (rows: readonly T[]) => void;
  /** Draws the page again, for other classes. */
  readonly refresh: () => void;
  /** Turns to the page of the first row with one of these keys. */
  readonly turnTo: (keys: ReadonlySet<number>) => void;
}

/** Makes the table, empty; every heading sorts, arrow keys go from row to row and over the page's end. */
export function createTable<T>(options: TableOptions<T>): TableView<T> {
  const { name, columns, pageSize, keyOf } = options;
  let rows: readonly T[] = [];
  let page = 0;
  let sortedBy = -1;
  let falling = false;

  const heads = columns.map(({ head, number }, i) =>
    element('th', { scope: 'col', class: number ? 'number' : null }, [
      button(head, null, () => sortBy(i)),
    ]),
  );
  const body = element('tbody');
  const table = element('table', { 'aria-label': name }, [
    element('thead', {}, [element('tr', {}, heads)]),
    body,
  ]);
  const place = element('span', { role: 'status' });
  const back = button('‹', `${name}: page before`, () => show(page - 1));
  const forth = button('›', `${name}: next page`, () => show(page + 1));
  const pager = element('div', { class: 'bar' }, [back, forth, place]);

  const pages = (): number => Math.max(1, Math.ceil(rows.length / pageSize));

  function show(wanted: number): void {
    page = Math.min(Math.max(0, wanted), pages() - 1);
    const from = page * pageSize;
    body.replaceChildren(...rows.slice(from, from + pageSize).map(drawRow));
    back.disabled = page === 0;
    forth.disabled = page === pages() - 1;
    const to = Math.min(rows.length, from + pageSize);
    place.textContent =
      rows.length === 0
        ? 'none'
        : `${formatCount(from + 1)}–${formatCount(to)} of ${formatCount(rows.length)}`;
  }

  function drawRow(row: T): HTMLElement {
    const cells = columns.map(({ text, number }, i) => {
      const shown = text(row);
      const whole = shown.length > CUT_FROM ? shown : null;
      if (i > 0) return element('td', { class: number ? 'number' : null, title: whole }, shown);
      const open = button(shown, `${options.openLabel} ${shown}`, () => options.open(row));
      return element('td', { class: 'number' }, [open]);
    });
    return element('tr', { class: options.classOf(row), 'data-key': keyOf(row) }, cells);
  }

  function sortBy(column: number): void {
    falling = sortedBy === column ? !falling : false;
    sortedBy = column;
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
      const mark = i === column ? (falling ? ' ▼' : ' ▲') : '';
      const sorter = head.firstElementChild;
      if (sorter) sorter.textContent = (columns[i]?.head ?? '') + mark;
    });
    sort();
    show(0);
  }

  function sort(): void {
    const column = columns[sortedBy];
    if (!column) return;
    const { order, text } = column;
    const rising = order
      ? rows.toSorted((a, b) => order(a) - order(b))
      : rows.toSorted((a, b) => text(a).localeCompare(text(b), 'en', { numeric: true }));
    rows = falling ? rising.reverse() : rising;
  }

  table.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...body.querySelectorAll('button')];
    const at = buttons.findIndex((one) => one === document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[at + step];
    if (next) {
      next.focus();
      return;
    }
    const before = page;
    show(page + step);
    if (page === before) buttons[at]?.focus();
    else [...body.querySelectorAll('button')].at(step > 0 ? 0 : -1)?.focus();
  });

  return {
    element: element('div', {}, [element('div', { class: 'scroll' }, [table]), pager]),
    setRows: (given) => {
      rows = given;
      sort();
      show(0);
    },
    refresh: () => {
      const shown = rows.slice(page * pageSize, (page + 1) * pageSize);
      [...body.rows].forEach((line, i) => {
        const row = shown[i];
        if (row !== undefined) line.className = options.classOf(row);
      });
    },
    turnTo: (keys) => {
      const at = rows.findIndex((row) => keys.has(keyOf(row)));
      if (at >= 0) show(Math.floor(at / pageSize));
    },
  };
}
