/** Draws the picture's head: what happened, what to do, and each way as a line of places up to its end. */
import { formatCount, plural } from '../../words/numbers.js';
import type { Ladder, Scene, WayGroup } from '../layout/scene.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { shortenMiddle } from '../text.js';
import {
  below,
  inset,
  label,
  nothing,
  paragraph,
  space,
  stack,
  TEXT,
  type Draw,
  type Frame,
} from './block.js';
import { arrowHead } from './marks.js';
import { measureIn } from './metrics.js';
import { drawOutcomeMark } from './outcome-mark.js';
import { box, line, type Shape } from './shapes.js';
import { PATH_LOOKS } from './waterfall.js';

/** Draws the answer; it fits one screen. */
export function drawHeadline(scene: Scene, frame: Frame): Draw {
  const { subject, tone, outcome, way, notes, fix } = scene.headline;
  const answer = `${EVIDENCE_SIGNS[tone]} ${subject}: ${outcome}`;
  return stack([
    paragraph(answer, frame, { ...TEXT.title, colour: tone }),
    below(2, paragraph(way, frame, { size: 16 })),
    ...notes.map((note) => below(2, paragraph(note, frame, { size: 14 }))),
    fix === null ? nothing : drawFix(fix, frame),
    below(4, paragraph(scene.about, frame, TEXT.note)),
    drawWays(scene, frame),
    space(4),
  ]);
}

/** Draws each way with its end, one below the other; nothing if no way is known. */
export function drawWays({ ways, moreWays }: Pick<Scene, 'ways' | 'moreWays'>, frame: Frame): Draw {
  const named = ways.length + moreWays > 1;
  const more = `and ${plural(moreWays, 'more way')}`;
  return stack([
    ...ways.map((way) => below(6, drawWay(way, named, frame))),
    moreWays > 0 ? below(4, paragraph(more, frame, TEXT.note)) : nothing,
  ]);
}

function drawFix(fix: string, frame: Frame): Draw {
  const text = paragraph(fix, inset(frame, 48, 14), { size: 14 });
  return (top) => {
    const { shapes, bottom } = text(top + 13);
    const height = bottom - top;
    return {
      shapes: [
        box([frame.left, top + 6, frame.width, height], { rx: 6, class: 'f-band s-edge thin' }),
        label([frame.left + 14, top + 27], 'Fix', { size: 14, face: 'strong', colour: 'good' }),
        ...shapes,
      ],
      bottom: bottom + 12,
    };
  };
}

/** @param named adds a title with the count, the path and the outcome */
function drawWay(way: WayGroup, named: boolean, frame: Frame): Draw {
  const { count, path, outcome, id, ladder } = way;
  const drawn = count > 1 ? ` (drawn: #${id})` : '';
  const title = `${formatCount(count)} × ${path}, ${tellOutcome(outcome)}${drawn}`;
  const { mark } = OUTCOME_SIGNS[outcome];
  const heading = paragraph(title, frame, { size: 13, face: 'strong', colour: mark });
  return stack([
    named ? heading : nothing,
    ladder.rows.length === 0 ? nothing : below(named ? 4 : 0, drawCourse(way, frame)),
  ]);
}

/** Draws the places of a way in a line, the path through them, and a mark where it ended. */
function drawCourse(way: WayGroup, frame: Frame): Draw {
  const { path, outcome, ladder } = way;
  const { left, width } = frame;
  const spacing = width / ladder.lanes.length;
  const { colour, hollow } = PATH_LOOKS[path];
  const at = (lane: number): number => left + spacing * (lane + 0.5);
  const end = findEnd(way);
  const answered = outcome === 'answered';
  const stop = Math.min(at(end.lane) + end.sign * 20, left + width - 10);
  const until = answered ? at(end.lane) : Math.max(stop, at(end.reached));
  return (top) => {
    const y = top + 36;
    const shaft = { class: `s-${colour} thick${hollow ? ' dashed' : ''}` };
    return {
      shapes: [
        ...drawNamespaces(ladder, left, spacing, top),
        line([at(0), y, until, y], shaft),
        ...ladder.lanes.flatMap(({ name, kind }, lane): Shape[] => [
          box([at(lane) - 5, y - 5, 10, 10], {
            rx: kind === 'relay' || kind === 'process' || kind === 'endpoint' ? 5 : 0,
            class: `f-paper s-${lane <= end.reached ? colour : 'lane'} shaft`,
          }),
          label([at(lane), y + 23], fitMiddle(name, spacing - 8), {
            ...TEXT.figure,
            anchor: 'middle',
          }),
        ]),
        ...(answered
          ? [arrowHead(at(end.lane) - 6, y, 1, colour)]
          : drawOutcomeMark(outcome, stop, y)),
      ],
      bottom: top + 80,
    };
  };
}

function drawNamespaces({ groups }: Ladder, left: number, spacing: number, top: number): Shape[] {
  return groups.flatMap(({ name, from, to }) => {
    const [x, room] = [left + spacing * from + 2, spacing * (to - from + 1) - 4];
    const style = { ...TEXT.figure, colour: 'ink', anchor: 'middle' } as const;
    return [
      box([x, top, room, 68], { rx: 8, class: 'f-band s-edge thin' }),
      label([x + room / 2, top + 15], fitMiddle(name, room - 12), style),
    ];
  });
}

/** Cuts the middle of a figure that is wider than `room`. */
function fitMiddle(text: string, room: number): string {
  return shortenMiddle(text, Math.floor(room / measureIn('mono', TEXT.figure.size)('0')));
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
