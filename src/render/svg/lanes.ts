/** Draws the head of a ladder and its lane lines: a band per namespace, a box per lane by its kind. */
import type { Grid } from './grid.js';
import type { Ladder, Lane, LaneKind } from '../layout/scene.js';
import { formatStop } from '../../words/numbers.js';
import { shorten, shortenEndpoint, shortenMiddle } from '../text.js';
import { label, type Frame } from './block.js';
import { dotWidth } from './marks.js';
import { measureIn } from './metrics.js';
import { box, group, line, polygon, textShape, type Point, type Shape } from './shapes.js';
import type { Colour } from './style.js';

const TIME_COLUMN = 78;
const NAME_SIZE = 12;
const NOTE_SIZE = 11;
const HEAD_HEIGHT = 88;
/** Height of the names of hosts above it. */
const HOSTS_HEIGHT = 24;
/** Lanes closer than this cannot hold their names. */
const MIN_SPACING = 101;

/** Least width of a ladder in which lanes hold their names and the numbers of their stops stay apart. */
export function widthFor({ lanes, rows }: Ladder): number {
  const numbers = rows.flatMap((row) =>
    row.type === 'arrow' ? row.stops.map(({ events }) => formatStop(events, row.count)) : [],
  );
  const widest = Math.max(0, ...numbers.map(dotWidth));
  return TIME_COLUMN + lanes.length * Math.max(MIN_SPACING, widest + 16);
}

export function planGrid(lanes: number, { left, width }: Frame): Grid {
  const start = left + TIME_COLUMN;
  const spacing = Math.min(190, (width - TIME_COLUMN) / Math.max(1, lanes));
  return {
    x: Array.from({ length: lanes }, (_, i) => start + spacing * (i + 0.5)),
    spacing,
    left: start,
    right: start + spacing * lanes,
  };
}

const KINDS: Record<LaneKind, { caption: string; colour: Colour }> = {
  process: { caption: 'process', colour: 'process' },
  relay: { caption: 'relay process', colour: 'relay' },
  endpoint: { caption: 'endpoint', colour: 'muted' },
  bridge: { caption: 'bridge', colour: 'ink' },
  veth: { caption: 'veth', colour: 'ink' },
  loopback: { caption: 'loopback', colour: 'ink' },
  device: { caption: 'device', colour: 'ink' },
  hook: { caption: 'netfilter hook', colour: 'ink' },
};

/** Where the rows begin below the top of a ladder. */
export function headHeight({ hosts }: Pick<Ladder, 'hosts'>): number {
  return HEAD_HEIGHT + (hosts.length > 0 ? HOSTS_HEIGHT : 0);
}

/** Draws hosts, bands, heads and lane lines from `above` to `bottom`. */
export function drawLanes(ladder: Ladder, grid: Grid, above: number, bottom: number): Shape[] {
  const top = above + headHeight(ladder) - HEAD_HEIGHT;
  return [
    ...ladder.hosts.flatMap(({ name, from, to }) => {
      const x1 = (grid.x[from] ?? 0) - grid.spacing / 2;
      const x2 = (grid.x[to] ?? 0) + grid.spacing / 2;
      const title = shorten(name, x2 - x1 - 12, measureIn('strong', 13));
      return [
        box([x1, above, x2 - x1, bottom - above + 4], { rx: 10, class: 'hollow s-muted thin' }),
        label([x1 + 10, above + 16], title, { size: 13, face: 'strong' }),
      ];
    }),
    ...ladder.groups.flatMap((namespace) => {
      const x1 = (grid.x[namespace.from] ?? 0) - grid.spacing / 2 + 2;
      const x2 = (grid.x[namespace.to] ?? 0) + grid.spacing / 2 - 2;
      const title = shorten(namespace.name, x2 - x1 - 12, measureIn('strong', 13));
      return [
        box([x1, top, x2 - x1, bottom - top], { rx: 8, class: 'f-band s-edge thin' }),
        label([(x1 + x2) / 2, top + 19], title, { size: 13, face: 'strong', anchor: 'middle' }),
      ];
    }),
    ...ladder.lanes.flatMap((lane, i) =>
      drawLane(lane, [grid.x[i] ?? 0, top + 30], bottom, grid.spacing),
    ),
  ];
}

function drawLane(lane: Lane, [x, top]: Point, bottom: number, spacing: number): Shape[] {
  const { caption, colour } = KINDS[lane.kind];
  const width = spacing - 10;
  const name = shortenMiddle(
    lane.name,
    Math.floor((width - 4) / measureIn('mono', NAME_SIZE)('0')),
  );
  const detail = shortenEndpoint(
    lane.detail,
    Math.floor((width - 4) / measureIn('mono', NOTE_SIZE)('0')),
  );
  const quiet = { size: NOTE_SIZE, colour: 'muted', anchor: 'middle', halo: true } as const;
  const missed = lane.reached ? caption : 'not reached';
  return [
    line([x, top + 57, x, bottom - 6], {
      class: `${isProcess(lane.kind) ? `s-${colour} shaft` : 's-lane thin'}${lane.reached ? '' : ' dashed'}`,
    }),
    group([
      textShape('title', `${caption} ${lane.name} ${lane.detail}`.trim()),
      ...outline(lane.kind, [x - width / 2, top], width),
      label([x, top + 15.5], name, { size: NAME_SIZE, face: 'mono', colour, anchor: 'middle' }),
    ]),
    label([x, top + 36], missed, quiet),
    ...(detail === '' ? [] : [label([x, top + 50], detail, { ...quiet, face: 'mono' })]),
  ];
}

/** Kinds differ by outline, not by colour alone. */
function outline(kind: LaneKind, [x, y]: Point, width: number): Shape[] {
  const { colour } = KINDS[kind];
  const look = `f-paper s-${isProcess(kind) ? colour : 'edge'}`;
  const plain = (rx: number, line: string): Shape =>
    box([x, y, width, 22], { rx, class: `${look} ${line}` });
  switch (kind) {
    case 'process':
      return [plain(11, 'shaft')];
    case 'relay':
      return [
        box([x - 2, y - 2, width + 4, 26], { rx: 13, class: `hollow s-${colour} thin` }),
        plain(11, 'shaft'),
      ];
    case 'endpoint':
      return [plain(11, 'thin dashed')];
    case 'bridge':
      return [
        plain(2, 'thin'),
        line([x + 3, y + 19, x + width - 3, y + 19], { class: 's-lane shaft' }),
      ];
    case 'veth': {
      const [left, right, middle, low] = [x + 6, x + width - 6, y + 11, y + 22];
      const upper: Point[] = [
        [left, y],
        [right, y],
        [x + width, middle],
      ];
      const lower: Point[] = [
        [right, low],
        [left, low],
        [x, middle],
      ];
      return [polygon([...upper, ...lower], `${look} thin`)];
    }
    case 'hook':
      return [plain(0, 'thin dashed')];
    case 'loopback':
    case 'device':
      return [plain(3, 'thin')];
  }
}

function isProcess(kind: LaneKind): boolean {
  return kind === 'process' || kind === 'relay';
}
