/** Draws the predicted paths as a table, each path in its colour. */
import type { Prediction } from '../../model/explain.js';
import { namePredicted } from '../../words/seen.js';
import { printable } from '../text.js';
import { nothing, paragraph, stack, type Block } from './block.js';
import { PREDICTED_COLOURS } from './map-arrows.js';
import { eventDot } from './marks.js';
import { box, line, type Shape } from './shapes.js';

/** At most this many rows are drawn; the others are counted. */
const MOST_ROWS = 40;
const GAP = 12;
/** Width of the column of numbers. */
const NUMBERS = 40;
/** Shares of the remaining width: who dials what, the path, why. */
const PARTS = [0.3, 0.16, 0.54] as const;

interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
}

/** @param numberOf numbers of the predictions that the map draws as arrows */
export function drawPredictions(
  predictions: readonly Prediction[],
  numberOf: ReadonlyMap<Prediction, number>,
  { left, top, width }: Place,
): Block {
  if (predictions.length === 0) return nothing(top);
  const hidden = predictions.length - MOST_ROWS;
  return stack(top, [
    (y) => paragraph('Predicted paths', [left, y, width], { size: 15, face: 'strong' }),
    ...predictions
      .slice(0, MOST_ROWS)
      .map(
        (prediction) => (y: number) =>
          drawRow(prediction, numberOf.get(prediction) ?? null, { left, top: y + 4, width }),
      ),
    hidden > 0
      ? (y) => paragraph(`and ${hidden} more`, [left, y + 4, width], { size: 12, colour: 'muted' })
      : nothing,
  ]);
}

function drawRow(
  prediction: Prediction,
  number: number | null,
  { left, top, width }: Place,
): Block {
  const { from, to, path, why, sourceSeen } = prediction;
  const colour = PREDICTED_COLOURS[path];
  const seen = sourceSeen === null ? '' : `; the container sees ${sourceSeen}`;
  const cells = [
    { text: `${from} → ${to}`, style: { size: 12 } },
    { text: namePredicted(prediction), style: { size: 12, face: 'strong' as const, colour } },
    { text: why + seen, style: { size: 12, colour: 'muted' as const } },
  ];
  let x = left + NUMBERS;
  const blocks = cells.map(({ text, style }, i) => {
    const room = (PARTS[i] ?? 0) * (width - NUMBERS);
    const block = paragraph(printable(text), [x, top + 4, room - GAP], style);
    x += room;
    return block;
  });
  const bottom = Math.max(...blocks.map((block) => block.bottom)) + 2;
  const marks: Shape[] = [
    line([left, top, left + width, top], { class: 's-edge thin' }),
    box([left, top + 5, 4, bottom - top - 8], { rx: 2, class: `f-${colour}` }),
    ...(number === null ? [] : [eventDot(left + 22, top + 13, String(number), colour)]),
  ];
  return { shapes: [...marks, ...blocks.flatMap(({ shapes }) => shapes)], bottom };
}
