/** Draws one connection: heading, facts, ladder, evidence, why. */
import { formatEvents, formatMoment } from '../format.js';
import type { EvidenceLine, Panel, Scene } from '../layout/scene.js';
import {
  itemList,
  label,
  nothing,
  paragraph,
  space,
  stack,
  type Block,
  type Frame,
} from './block.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { stick } from '../text.js';
import { drawLanes, HEAD_HEIGHT, planGrid } from './lanes.js';
import { drawRow } from './rows.js';
import { box, line, type Shape } from './shapes.js';

/** Draws a connection between `left` and `left + width`. */
export function drawPanel(panel: Panel, scene: Scene, top: number, frame: Frame): Block {
  const { left, width } = frame;
  const single = scene.connections === 1;
  const heading = `#${panel.id} ${panel.protocol} ${panel.route.join(' → ')}`;
  const { mark } = OUTCOME_SIGNS[panel.outcome];
  const path = single ? '' : `, ${panel.path} (${panel.proof})`;
  const facts = [
    ...panel.facts,
    ...(panel.started === null ? [] : [`began ${formatMoment(panel.started)}`]),
  ];
  const reason = panel.reason === scene.reason ? '' : panel.reason;
  return stack(top, [
    (y) => ({
      shapes: [line([left, y, left + width, y], { class: 's-edge thin' })],
      bottom: y + 12,
    }),
    (y) => paragraph(heading, [left, y, width], { size: 15, face: 'strong' }),
    (y) => paragraph(reason, [left, y, width], { size: 13 }),
    (y) =>
      paragraph(tellOutcome(panel.outcome) + path, [left, y, width], {
        size: 13,
        face: 'strong',
        colour: mark,
      }),
    (y) => itemList(facts, [left, y, width], { size: 12, colour: 'muted' }),
    space(10),
    (y) => drawLadder(panel, left, y, width),
    space(12),
    ...panel.evidence.map((evidence) => (y: number) => drawEvidence(evidence, left, y, width)),
    (y) => drawWhy(panel.why, left, y, width),
    space(14),
  ]);
}

/** Draws the lanes and rows of a connection; a sentence instead if no event is listed. */
export function drawLadder({ ladder, id }: Panel, left: number, top: number, width: number): Block {
  if (ladder.rows.length === 0) {
    return paragraph('No event of this connection is listed.', [left, top, width], {
      size: 12,
      colour: 'muted',
    });
  }
  const grid = planGrid(ladder.lanes.length, left, width);
  const rows = stack(
    top + HEAD_HEIGHT,
    ladder.rows.map((row) => (y: number) => drawRow(row, grid, y, `c${id}e`)),
  );
  const bottom = rows.bottom + 10;
  return { shapes: [...drawLanes(ladder, grid, top, bottom), ...rows.shapes], bottom };
}

function drawEvidence(
  { mark, claim, events }: EvidenceLine,
  left: number,
  top: number,
  width: number,
): Block {
  const numbers = events.length === 0 ? '' : ` ${stick(`[${formatEvents(events)}]`)}`;
  const text = paragraph(claim + numbers, [left + 24, top, width - 24], { size: 13 });
  return {
    shapes: [
      label([left + 4, top + 13], EVIDENCE_SIGNS[mark], { size: 13, face: 'strong', colour: mark }),
      ...text.shapes,
    ],
    bottom: Math.max(text.bottom, top + 18) + 3,
  };
}

function drawWhy(why: string | null, left: number, top: number, width: number): Block {
  if (why === null || why === '') return nothing(top);
  const text = paragraph(why, [left + 58, top + 14, width - 72], { size: 12, face: 'mono' });
  const height = text.bottom - top - 2;
  const frame: Shape[] = [
    box([left, top + 6, width, height], { rx: 6, class: 'f-band s-edge thin' }),
    label([left + 14, top + 26], 'Why', { size: 12, face: 'strong', colour: 'muted' }),
  ];
  return { shapes: [...frame, ...text.shapes], bottom: top + height + 12 };
}
