/** Draws the waterfall: connections as bars over a common time scale, paths by colour and shape, failures marked. */
import { formatCount, formatDuration, plural } from '../format.js';
import { BUCKETS, type Bar, type Strip, type Waterfall } from '../layout/waterfall.js';
import { tellOutcome } from '../signs.js';
import { label, nothing, paragraph, space, stack, type Block } from './block.js';
import { drawOutcomeMark } from './outcome-mark.js';
import { box, group, line, textShape, type Shape } from './shapes.js';
import type { Colour } from './style.js';

const LABELS = 260;
const LENGTHS = 84;
const BAR = 18;
const STRIP = 40;
const SIZE = 11;

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
  /** Left edge of the names. */
  readonly names: number;
  readonly left: number;
  readonly right: number;
  readonly at: (time: number) => number;
}

/** Draws each bar as a group with its connection's id in `data-connection`; nothing without a waterfall. */
export function drawWaterfall(
  waterfall: Waterfall | null,
  left: number,
  top: number,
  width: number,
): Block {
  if (waterfall === null) return nothing(top);
  const { span, strips, bars, untimed } = waterfall;
  const [start, right] = [left + LABELS, left + width - LENGTHS];
  const at = (time: number): number => start + (time / span) * (right - start);
  const plot: Plot = { names: left, left: start, right, at };
  const most = Math.max(1, ...strips.flatMap(({ begun }) => begun));
  const rows = stack(top + 42, [
    ...strips.map((strip) => (y: number) => drawStrip(strip, most, plot, y)),
    strips.length > 0 && bars.length > 0
      ? (y) => paragraph('Failed and slowest', [left, y + 4, width], { size: 12, colour: 'muted' })
      : nothing,
    ...bars.map((bar) => (y: number) => drawBar(bar, plot, y)),
  ]);
  const rest = stack(rows.bottom + 4, [
    untimed > 0
      ? (y) =>
          paragraph(`${plural(untimed, 'connection')} without a known start`, [left, y, width], {
            size: SIZE,
            colour: 'muted',
          })
      : nothing,
    space(12),
  ]);
  return {
    shapes: [
      label([left, top + 14], 'Over time', { size: 15, face: 'strong' }),
      ...drawScale(waterfall, plot, top + 32, rows.bottom),
      ...rows.shapes,
      ...rest.shapes,
    ],
    bottom: rest.bottom,
  };
}

function drawScale({ ticks }: Waterfall, plot: Plot, y: number, bottom: number): Shape[] {
  return ticks.flatMap(({ at, text }) => [
    line([plot.at(at), y + 6, plot.at(at), bottom], { class: 's-edge thin' }),
    label([plot.at(at), y], text, {
      size: SIZE,
      face: 'mono',
      colour: 'muted',
      anchor: at === 0 ? 'start' : 'middle',
    }),
  ]);
}

function drawBar(bar: Bar, plot: Plot, top: number): Block {
  const { names: left } = plot;
  const { id, path, outcome, begin, end, connected } = bar;
  const { colour, hollow } = PATH_LOOKS[path];
  const failed = outcome !== 'answered';
  const y = top + BAR / 2;
  const x = plot.at(begin);
  const width = Math.max(3, plot.at(end ?? begin) - x);
  const length = end === null ? '?' : formatDuration(end - begin);
  const look = hollow
    ? { rx: 5, class: `f-paper s-${colour} shaft` }
    : { class: `f-${colour} s-${colour} thin` };
  const dial = connected === null ? null : plot.at(connected);
  const shapes = [
    textShape('title', `#${id} ${path}, ${outcome}, ${length}`),
    label([left, y + 4], `#${id} ${path}`, { size: SIZE, face: 'mono', colour }),
    label([left + LABELS - 20, y + 4], failed ? tellOutcome(outcome) : '', {
      size: SIZE,
      face: 'strong',
      colour: 'bad',
      anchor: 'end',
    }),
    box([x, y - 5, width, 10], look),
    ...(dial !== null && dial - x > 3 && x + width - dial > 3
      ? [line([dial, y - 5, dial, y + 5], { class: `s-${hollow ? colour : 'paper'} shaft` })]
      : []),
    ...(end === null
      ? [line([x + width, y, x + width + 24, y], { class: `s-${colour} dashed` })]
      : []),
    ...drawOutcomeMark(outcome, x + width + 9, y),
    label([plot.right + LENGTHS, y + 4], length, {
      size: SIZE,
      face: 'mono',
      colour: failed ? 'bad' : 'muted',
      anchor: 'end',
    }),
  ];
  return {
    shapes: [group(shapes, { class: 'bar-row', 'data-connection': id })],
    bottom: top + BAR,
  };
}

/** Draws how many connections began in each bucket; the tallest column of all strips takes the full height. */
function drawStrip(strip: Strip, most: number, plot: Plot, top: number): Block {
  const { names: left } = plot;
  const { path, outcome, count, begun, median } = strip;
  const { colour, hollow } = PATH_LOOKS[path];
  const base = top + STRIP - 6;
  const step = (plot.right - plot.left) / BUCKETS;
  const look = hollow ? { rx: 1.5, class: `f-paper s-${colour} thin` } : { class: `f-${colour}` };
  const columns = begun.flatMap((number, i) => {
    if (number === 0) return [];
    const height = Math.max(2, (number / most) * (STRIP - 12));
    return [box([plot.left + i * step + 0.5, base - height, step - 1, height], look)];
  });
  const failed = outcome !== 'answered';
  return {
    shapes: [
      textShape('title', `${formatCount(count)} ${path}, ${outcome}`),
      label([left, top + 18], `${formatCount(count)} × ${path}`, {
        size: SIZE,
        face: 'mono',
        colour,
      }),
      label([left, top + 32], tellOutcome(outcome), {
        size: SIZE,
        face: 'strong',
        colour: failed ? 'bad' : 'good',
      }),
      line([plot.left, base, plot.right, base], { class: 's-edge thin' }),
      ...columns,
      ...drawOutcomeMark(outcome, plot.left - 12, top + STRIP / 2),
      label(
        [plot.right + LENGTHS, top + 26],
        median === null ? '' : `p50 ${formatDuration(median)}`,
        { size: SIZE, face: 'mono', colour: 'muted', anchor: 'end' },
      ),
    ],
    bottom: top + STRIP,
  };
}
