/** Builds the timeline of one connection: the ladder of the SVG picture, with rows to point at, and zoom. */
import type { Connection, Hop } from '../../../model/report.js';
import { relatedEvents } from '../../layout/related.js';
import type { Panel, Row } from '../../layout/scene.js';
import { widthFor } from '../../svg/lanes.js';
import { drawLadder } from '../../svg/panel.js';
import { group } from '../../svg/shapes.js';
import { button, element, svgElement } from './dom.js';
import type { Lighting } from './light.js';

const USUAL_WIDTH = 832;
const STEP = 1.25;
const [LEAST, MOST] = [0.25, 6];

/** The ladder with its tool bar. Call `settle` once it is in the document. */
export function createTimeline(
  connection: Connection,
  panel: Panel,
  lighting: Lighting,
): { element: HTMLElement; settle: () => void } {
  const width = Math.max(USUAL_WIDTH, widthFor(panel.ladder));
  const { shapes, bottom } = drawLadder(panel, { left: 0, width })(4);
  const svg = svgElement(group(shapes, {}));
  const frame = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  frame.setAttribute('class', 'trace-flow');
  frame.setAttribute('viewBox', `0 0 ${width} ${Math.ceil(bottom)}`);
  frame.setAttribute('role', 'listbox');
  const lanes = panel.ladder.lanes.map(({ name }) => name).join(', ');
  frame.setAttribute('aria-label', `Packets and acts in order of time, over ${lanes}`);
  frame.append(svg);
  const plot = element('div', { class: 'scroll plot' }, [frame]);
  const { bar, fit } = zoom(frame, plot, width, Math.ceil(bottom));
  const hopOf = indexHops(connection.hops);
  const rows = panel.ladder.rows.filter((row) => row.type !== 'remark');
  const marks = [...svg.querySelectorAll<SVGGElement>('g.row')];
  marks.forEach((mark, i) => {
    const row = rows[i];
    if (!row) return;
    mark.setAttribute('tabindex', i === 0 ? '0' : '-1');
    bind(mark, row, () => relatedEvents(row, rows, hopOf), lighting);
  });
  moveByKeys(frame, marks);
  lighting.onChange((events) => {
    marks.forEach((mark, i) => {
      const lit = rows[i]?.events.some((event) => events.has(event)) ?? false;
      mark.classList.toggle('lit', lit);
      mark.setAttribute('aria-selected', String(lit));
    });
  });
  return {
    element: element('div', {}, [bar, plot]),
    settle: () => {
      for (const mark of marks) mark.prepend(glowOf(mark));
      fit();
    },
  };
}

function indexHops(hops: readonly Hop[]): (event: number) => Hop | undefined {
  const index = new Map(hops.map((hop) => [hop.event, hop]));
  return (event) => index.get(event);
}

function bind(
  mark: SVGGElement,
  row: Exclude<Row, { type: 'remark' }>,
  related: () => Set<number>,
  lighting: Lighting,
): void {
  mark.setAttribute('role', 'option');
  mark.setAttribute('aria-label', `${row.label}: ${row.title}`);
  const point = (): void => lighting.point(related());
  mark.addEventListener('mouseenter', point);
  mark.addEventListener('mouseleave', () => lighting.point());
  mark.addEventListener('focus', point);
  mark.addEventListener('blur', () => lighting.point());
  mark.addEventListener('click', () => lighting.pin(related()));
  mark.addEventListener('keydown', ({ key }) => {
    if (key === 'Enter') lighting.pin(related());
  });
}

/**
 * The background of a row, which takes the pointer and frames the row when it is lit or focused. The row must be in the
 * document: only there it has a size.
 */
function glowOf(mark: SVGGElement): SVGElement {
  const { x, y, width, height } = mark.getBBox();
  const [left, top] = [x - 6, y - 2];
  return svgElement({
    tag: 'rect',
    attributes: { class: 'glow', x: left, y: top, width: width + 12, height: height + 4, rx: 5 },
    children: [],
  });
}

/** Moves the focus by keys: Tab reaches one row; arrows, Home and End go on from there. */
function moveByKeys(frame: SVGSVGElement, marks: readonly SVGGElement[]): void {
  frame.addEventListener('keydown', (event) => {
    const at = marks.findIndex((mark) => mark === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: marks.length - 1 }[event.key];
    const [from, next] = [marks[at], marks[to ?? -1]];
    if (!from || !next) return;
    event.preventDefault();
    from.setAttribute('tabindex', '-1');
    next.setAttribute('tabindex', '0');
    next.focus();
  });
}

function zoom(
  frame: SVGSVGElement,
  plot: HTMLElement,
  width: number,
  height: number,
): { bar: HTMLElement; fit: () => void } {
  let factor = 1;
  let fitted = true;
  const shown = element('span', { role: 'status', 'aria-label': 'zoom' });
  const set = (wanted: number, fits = false): void => {
    fitted = fits;
    factor = Math.min(MOST, Math.max(LEAST, wanted));
    frame.setAttribute('width', String(Math.round(width * factor)));
    frame.setAttribute('height', String(Math.round(height * factor)));
    shown.textContent = `${Math.round(factor * 100)} %`;
  };
  const fit = (): void => set(Math.min(1, (plot.clientWidth - 18) / width), true);
  new ResizeObserver(() => fitted && fit()).observe(plot);
  const acts: Record<string, () => void> = {
    '+': () => set(factor * STEP),
    '=': () => set(factor * STEP),
    '-': () => set(factor / STEP),
    '0': fit,
  };
  plot.addEventListener('keydown', ({ key }) => acts[key]?.());
  plot.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      set(event.deltaY < 0 ? factor * STEP : factor / STEP);
    },
    { passive: false },
  );
  const bar = element('div', { class: 'bar', role: 'group', 'aria-label': 'Zoom' }, [
    button('−', 'Zoom out (key -)', () => set(factor / STEP)),
    button('+', 'Zoom in (key +)', () => set(factor * STEP)),
    button('Fit', 'Fit the width (key 0)', fit),
    button('100 %', 'Actual size', () => set(1)),
    shown,
  ]);
  return { bar, fit };
}
