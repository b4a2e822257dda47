/** Draws the picture's head: what happened, what to do, and each way as a line of places up to its end. */
import { formatCount, plural } from '../format.js';
import type { Scene, WayGroup } from '../layout/scene.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { shortenMiddle } from '../text.js';
import { label, nothing, paragraph, space, stack, type Block, type Frame } from './block.js';
import { arrowHead } from './marks.js';
import { measureIn } from './metrics.js';
import { drawOutcomeMark } from './outcome-mark.js';
import { box, line, type Shape } from './shapes.js';
import { PATH_LOOKS } from './waterfall.js';

/** Draws the answer between `left` and `left + width`; it fits one screen. */
export function drawHeadline(scene: Scene, left: number, top: number, width: number): Block {
  const { subject, tone, outcome, way, notes, fix } = scene.headline;
  const answer = `${EVIDENCE_SIGNS[tone]} ${subject}: ${outcome}`;
  const source = scene.source === 'live' ? 'live trace' : scene.source;
  const about = `${source} · ${formatCount(scene.connections)} ${scene.connections === 1 ? 'connection' : 'connections'}`;
  return stack(top, [
    (y) => paragraph(answer, [left, y, width], { size: 22, face: 'strong', colour: tone }),
    (y) => paragraph(way, [left, y + 2, width], { size: 16 }),
    ...notes.map((note) => (y: number) => paragraph(note, [left, y + 2, width], { size: 14 })),
    (y) => drawFix(fix, left, y, width),
    (y) => paragraph(about, [left, y + 4, width], { size: 12, colour: 'muted' }),
    (y) => drawWays(scene, left, y, width),
    space(4),
  ]);
}

/** Draws each way with its end, one below the other; nothing if no way is known. */
export function drawWays(
  { ways, moreWays }: Pick<Scene, 'ways' | 'moreWays'>,
  left: number,
  top: number,
  width: number,
): Block {
  const named = ways.length + moreWays > 1;
  const more = `and ${plural(moreWays, 'more way')}`;
  return stack(top, [
    ...ways.map((way) => (y: number) => drawWay(way, named, y + 6, { left, width })),
    moreWays > 0
      ? (y) => paragraph(more, [left, y + 4, width], { size: 12, colour: 'muted' })
      : nothing,
  ]);
}

function drawFix(fix: string | null, left: number, top: number, width: number): Block {
  if (fix === null) return nothing(top);
  const text = paragraph(fix, [left + 48, top + 13, width - 62], { size: 14 });
  const height = text.bottom - top;
  return {
    shapes: [
      box([left, top + 6, width, height], { rx: 6, class: 'f-band s-edge thin' }),
      label([left + 14, top + 27], 'Fix', { size: 14, face: 'strong', colour: 'good' }),
      ...text.shapes,
    ],
    bottom: top + height + 12,
  };
}

/**
 * Draws the places of a way in a line, the path through them, and a mark where it ended.
 * @param named adds a title with the count, the path and the outcome
 */
function drawWay(way: WayGroup, named: boolean, above: number, { left, width }: Frame): Block {
  const { lanes, groups, rows } = way.ladder;
  if (rows.length === 0 && !named) return nothing(above);
  const { count, path, outcome, id } = way;
  const drawn = count > 1 ? ` (drawn: #${id})` : '';
  const name = `${formatCount(count)} × ${path}, ${tellOutcome(outcome)}${drawn}`;
  const colourOfName = OUTCOME_SIGNS[outcome].mark;
  const title = named
    ? paragraph(name, [left, above, width], { size: 13, face: 'strong', colour: colourOfName })
    : nothing(above);
  if (rows.length === 0) return title;
  const top = title.bottom + (named ? 4 : 0);
  const spacing = width / lanes.length;
  const at = (lane: number): number => left + spacing * (lane + 0.5);
  const y = top + 36;
  const { colour, hollow } = PATH_LOOKS[path];
  const end = findEnd(way);
  const columns = Math.floor((spacing - 8) / measureIn('mono', 11)('0'));
  const namespaces = groups.flatMap(({ name, from, to }) => {
    const [x, room] = [left + spacing * from + 2, spacing * (to - from + 1) - 4];
    const owner = shortenMiddle(name, Math.floor((room - 12) / measureIn('mono', 11)('0')));
    return [
      box([x, top, room, 68], { rx: 8, class: 'f-band s-edge thin' }),
      label([x + room / 2, top + 15], owner, { size: 11, face: 'mono', anchor: 'middle' }),
    ];
  });
  const places = lanes.flatMap(({ name, kind }, lane): Shape[] => [
    box([at(lane) - 5, y - 5, 10, 10], {
      rx: kind === 'relay' || kind === 'process' || kind === 'endpoint' ? 5 : 0,
      class: `f-paper s-${lane <= end.reached ? colour : 'lane'} shaft`,
    }),
    label([at(lane), y + 23], shortenMiddle(name, columns), {
      size: 11,
      face: 'mono',
      colour: 'muted',
      anchor: 'middle',
    }),
  ]);
  const answered = outcome === 'answered';
  const stop = Math.min(at(end.lane) + end.sign * 20, left + width - 10);
  const shaft = [
    line([at(0), y, answered ? at(end.lane) : Math.max(stop, at(end.reached)), y], {
      class: `s-${colour} thick${hollow ? ' dashed' : ''}`,
    }),
  ];
  const mark = answered
    ? [arrowHead(at(end.lane) - 6, y, 1, colour)]
    : drawOutcomeMark(outcome, stop, y);
  return {
    shapes: [...title.shapes, ...namespaces, ...shaft, ...places, ...mark],
    bottom: top + 80,
  };
}

interface End {
  /** The farthest lane that its packets came to. */
  readonly reached: number;
  /** The lane where it ended, and the direction: 1 on the way there, -1 on the way back. */
  readonly lane: number;
  readonly sign: 1 | -1;
}

function findEnd({ ladder, outcome }: WayGroup): End {
  const last = ladder.lanes.length - 1;
  if (outcome === 'answered') return { reached: last, lane: last, sign: 1 };
  const arrows = ladder.rows.filter((row) => row.type === 'arrow');
  const reached = Math.max(
    0,
    ...arrows.flatMap(({ stops, head, flow }) => [
      ...stops.map(({ lane }) => lane),
      ...(head === null || flow === 'reply' ? [] : [head]),
    ]),
    ...ladder.rows.flatMap((row) =>
      row.type === 'point' || row.type === 'relay' ? [row.lane] : [],
    ),
  );
  const died = arrows.find(({ drop }) => drop !== null);
  const lane = died?.drop?.lane;
  if (lane === undefined || (outcome !== 'dropped' && outcome !== 'stalled')) {
    return { reached, lane: reached, sign: 1 };
  }
  return { reached: Math.max(reached, lane), lane, sign: died?.flow === 'reply' ? -1 : 1 };
}
