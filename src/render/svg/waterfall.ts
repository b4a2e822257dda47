/** Draws the waterfall: connections as bars over a common time scale, paths by colour and shape, failures marked. */
import { formatCount, formatDuration, plural } from '../../words/numbers.js';
import { BUCKETS, type Bar, type Strip, type Waterfall } from '../layout/waterfall.js';
import { tellOutcome } from '../signs.js';
import {
  below,
  label,
  nothing,
  paragraph,
  space,
  stack,
  TEXT,
  type Draw,
  type Frame,
} from './block.js';
import { drawOutcomeMark } from './outcome-mark.js';
import { box, group, line, textShape, type Shape } from './shapes.js';
import type { Colour } from './style.js';

const LABELS = 260;
const LENGTHS = 84;
const BAR = 18;
const STRIP = 40;

/** Paths through a process (and unknown ones) have hollow, round bars; paths in the kernel have full, square ones. */
export const PATH_LOOKS: Readonly<
  Record<Bar['path'], { readonly colour: Colour; readonly hollow: boolean }>
> = {
  dnat: { colour: 'nat', hollow: false },
  direct: { colour: 'request', hollow: false },
  'docker-proxy': { colour: 'relay', hollow: true },
  relay: { colour: 'relay', hollow: true },
  host: { colour: 'process', hollow: true },
  unknown: { colour: 'muted', hollow: true },
};

interface Plot {
  /** Left edge of the names, left and right edge of the plot, right edge of the lengths. */
  readonly names: number;
  readonly left: number;
  readonly right: number;
  readonly end: number;
  readonly at: (time: number) => number;
}

/** Draws each bar as a group with its connection's id in `data-connection`; nothing without a waterfall. */
export function drawWaterfall(waterfall: Waterfall | null, frame: Frame): Draw {
  if (waterfall === null) return nothing;
  const { span, strips, bars, untimed } = waterfall;
  const [names, end] = [frame.left, frame.left + frame.width];
  const [left, right] = [names + LABELS, end - LENGTHS];
  const at = (time: number): number => left + (time / span) * (right - left);
  const plot: Plot = { names, left, right, end, at };
  const most = Math.max(1, ...strips.flatMap(({ begun }) => begun));
  const untold = `${plural(untimed, 'connection')} without a known start`;
  const rows = stack([
    ...strips.map((strip) => drawStrip(strip, most, plot)),
    strips.length > 0 && bars.length > 0
      ? below(4, paragraph('Failed and slowest', frame, TEXT.note))
      : nothing,
    ...bars.map((bar) => drawBar(bar, plot)),
  ]);
  const rest = stack([
    untimed > 0 ? paragraph(untold, frame, { size: TEXT.figure.size, colour: 'muted' }) : nothing,
    space(12),
  ]);
  return (top) => {
    const { shapes, bottom } = rows(top + 42);
    const after = rest(bottom + 4);
    const title = label([names, top + 14], 'Over time', TEXT.heading);
    const scale = drawScale(waterfall, plot, top + 32, bottom);
    return { shapes: [title, ...scale, ...shapes, ...after.shapes], bottom: after.bottom };
  };
}

function drawScale({ ticks }: Waterfall, plot: Plot, y: number, bottom: number): Shape[] {
  return ticks.flatMap(({ at, text }) => [
    line([plot.at(at), y + 6, plot.at(at), bottom], { class: 's-edge thin' }),
    label([plot.at(at), y], text, { ...TEXT.figure, anchor: at === 0 ? 'start' : 'middle' }),
  ]);
}

function drawBar(bar: Bar, plot: Plot): Draw {
  const { id, path, outcome, begin, end, connected } = bar;
  const { colour, hollow } = PATH_LOOKS[path];
  const failed = outcome !== 'answered';
  const x = plot.at(begin);
  const width = Math.max(3, plot.at(end ?? begin) - x);
  const length = end === null ? '?' : formatDuration(end - begin);
  const look = hollow
    ? { rx: 5, class: `f-paper s-${colour} shaft` }
    : { class: `f-${colour} s-${colour} thin` };
  const dial = connected === null ? null : plot.at(connected);
  const fate = { size: TEXT.figure.size, face: 'strong', colour: 'bad', anchor: 'end' } as const;
  const ends = { ...TEXT.figure, colour: failed ? 'bad' : 'muted', anchor: 'end' } as const;
  return (top) => {
    const y = top + BAR / 2;
    const shapes = [
      textShape('title', `#${id} ${path}, ${outcome}, ${length}`),
      label([plot.names, y + 4], `#${id} ${path}`, { ...TEXT.figure, colour }),
      label([plot.left - 20, y + 4], failed ? tellOutcome(outcome) : '', fate),
      box([x, y - 5, width, 10], look),
      ...(dial !== null && dial - x > 3 && x + width - dial > 3
        ? [line([dial, y - 5, dial, y + 5], { class: `s-${hollow ? colour : 'paper'} shaft` })]
        : []),
      ...(end === null
        ? [line([x + width, y, x + width + 24, y], { class: `s-${colour} dashed` })]
        : []),
      ...drawOutcomeMark(outcome, x + width + 9, y),
      label([plot.end, y + 4], length, ends),
    ];
    const attributes = { class: 'bar-row', 'data-connection': id };
    return { shapes: [group(shapes, attributes)], bottom: top + BAR };
  };
}

/** Draws how many connections began in each bucket; the tallest column of all strips takes the full height. */
function drawStrip(strip: Strip, most: number, plot: Plot): Draw {
  const { path, outcome, count, begun, median } = strip;
  const { colour, hollow } = PATH_LOOKS[path];
  const step = (plot.right - plot.left) / BUCKETS;
  const look = hollow ? { rx: 1.5, class: `f-paper s-${colour} thin` } : { class: `f-${colour}` };
  const mark = outcome === 'answered' ? 'good' : 'bad';
  const fate = { size: TEXT.figure.size, face: 'strong', colour: mark } as const;
  const usual = median === null ? '' : `p50 ${formatDuration(median)}`;
  return (top) => {
    const base = top + STRIP - 6;
    const columns = begun.flatMap((number, i) => {
      if (number === 0) return [];
      const height = Math.max(2, (number / most) * (STRIP - 12));
      return [box([plot.left + i * step + 0.5, base - height, step - 1, height], look)];
    });
    const shapes = [
      textShape('title', `${formatCount(count)} ${path}, ${outcome}`),
      label([plot.names, top + 18], `${formatCount(count)} × ${path}`, { ...TEXT.figure, colour }),
      label([plot.names, top + 32], tellOutcome(outcome), fate),
      line([plot.left, base, plot.right, base], { class: 's-edge thin' }),
      ...columns,
      ...drawOutcomeMark(outcome, plot.left - 12, top + STRIP / 2),
      label([plot.end, top + 26], usual, { ...TEXT.figure, anchor: 'end' }),
    ];
    return { shapes, bottom: top + STRIP };
  };
}
