/** Draws one connection: heading, facts, ladder, evidence, why. */
import { formatEvents, formatMoment } from '../../words/numbers.js';
import type { EvidenceLine, Panel, Scene } from '../layout/scene.js';
import {
  inset,
  itemList,
  label,
  nothing,
  paragraph,
  space,
  stack,
  TEXT,
  type Draw,
  type Frame,
} from './block.js';
import { EVIDENCE_SIGNS, OUTCOME_SIGNS, tellOutcome } from '../signs.js';
import { stick } from '../text.js';
import { drawLanes, headHeight, planGrid } from './lanes.js';
import { drawRow } from './rows.js';
import { box, line } from './shapes.js';

export function drawPanel(panel: Panel, scene: Scene, frame: Frame): Draw {
  const heading = `#${panel.id} ${panel.protocol} ${panel.route.join(' → ')}`;
  const { mark } = OUTCOME_SIGNS[panel.outcome];
  const path = scene.connections === 1 ? '' : `, ${panel.path} (${panel.proof})`;
  const outcome = tellOutcome(panel.outcome) + path;
  const began = panel.started === null ? [] : [`began ${formatMoment(panel.started)}`];
  const reason = panel.reason === scene.reason ? '' : panel.reason;
  return stack([
    drawRule(frame),
    paragraph(heading, frame, TEXT.heading),
    paragraph(reason, frame, { size: 13 }),
    paragraph(outcome, frame, { size: 13, face: 'strong', colour: mark }),
    itemList([...panel.facts, ...began], frame, TEXT.note),
    space(10),
    drawLadder(panel, frame),
    space(12),
    ...panel.evidence.map((evidence) => drawEvidence(evidence, frame)),
    panel.why ? drawWhy(panel.why, frame) : nothing,
    space(14),
  ]);
}

function drawRule({ left, width }: Frame): Draw {
  return (top) => ({
    shapes: [line([left, top, left + width, top], { class: 's-edge thin' })],
    bottom: top + 12,
  });
}

/** Draws the lanes and rows of a connection; a sentence instead if no event is listed. */
export function drawLadder({ ladder, id }: Panel, frame: Frame): Draw {
  if (ladder.rows.length === 0) {
    return paragraph('No event of this connection is listed.', frame, TEXT.note);
  }
  const grid = planGrid(ladder.lanes.length, frame);
  return (top) => {
    const rows = stack(ladder.rows.map((row) => drawRow(row, grid, `c${id}e`)))(
      top + headHeight(ladder),
    );
    const bottom = rows.bottom + 10;
    return { shapes: [...drawLanes(ladder, grid, top, bottom), ...rows.shapes], bottom };
  };
}

function drawEvidence({ mark, claim, events }: EvidenceLine, frame: Frame): Draw {
  const numbers = events.length === 0 ? '' : ` ${stick(`[${formatEvents(events)}]`)}`;
  const text = paragraph(claim + numbers, inset(frame, 24), { size: 13 });
  const style = { size: 13, face: 'strong', colour: mark } as const;
  return (top) => {
    const { shapes, bottom } = text(top);
    return {
      shapes: [label([frame.left + 4, top + 13], EVIDENCE_SIGNS[mark], style), ...shapes],
      bottom: Math.max(bottom, top + 18) + 3,
    };
  };
}

function drawWhy(why: string, frame: Frame): Draw {
  const text = paragraph(why, inset(frame, 58, 14), { size: 12, face: 'mono' });
  return (top) => {
    const { shapes, bottom } = text(top + 14);
    const height = bottom - top - 2;
    return {
      shapes: [
        box([frame.left, top + 6, frame.width, height], { rx: 6, class: 'f-band s-edge thin' }),
        label([frame.left + 14, top + 26], 'Why', { ...TEXT.note, face: 'strong' }),
        ...shapes,
      ],
      bottom: top + height + 12,
    };
  };
}
