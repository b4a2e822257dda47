/** Draws the predicted paths as a table, each path in its colour. */
import type { Prediction } from '../../model/explain.js';
import { namePredicted } from '../../words/seen.js';
import { printable } from '../text.js';
import { below, nothing, paragraph, stack, TEXT, type Draw, type Frame } from './block.js';
import { colourOfPredicted } from './map-arrows.js';
import { eventDot } from './marks.js';
import { box, line } from './shapes.js';

/** At most this many rows are drawn; the others are counted. */
const MOST_ROWS = 40;
const GAP = 12;
/** Width of the column of numbers. */
const NUMBERS = 40;
/** Shares of the remaining width: who dials what, the path, why. */
const PARTS = [0.3, 0.16, 0.54] as const;

/** @param numberOf numbers of the predictions that the map draws as arrows */
export function drawPredictions(
  predictions: readonly Prediction[],
  numberOf: ReadonlyMap<Prediction, number>,
  frame: Frame,
): Draw {
  if (predictions.length === 0) return nothing;
  const hidden = predictions.length - MOST_ROWS;
  return stack([
    paragraph('Predicted paths', frame, TEXT.heading),
    ...predictions
      .slice(0, MOST_ROWS)
      .map((prediction) => below(4, drawRow(prediction, numberOf.get(prediction), frame))),
    hidden > 0 ? below(4, paragraph(`and ${hidden} more`, frame, TEXT.note)) : nothing,
  ]);
}

function drawRow(prediction: Prediction, number: number | undefined, frame: Frame): Draw {
  const { from, to, path, why, sourceSeen } = prediction;
  const { left, width } = frame;
  const colour = colourOfPredicted(path);
  const seen = sourceSeen === null ? '' : `; the container sees ${sourceSeen}`;
  const cells = [
    { text: `${from} → ${to}`, style: { size: 12 } },
    { text: namePredicted(prediction), style: { size: 12, face: 'strong', colour } },
    { text: why + seen, style: TEXT.note },
  ] as const;
  let x = left + NUMBERS;
  const blocks = cells.map(({ text, style }, i) => {
    const room = (PARTS[i] ?? 0) * (width - NUMBERS);
    const cell = paragraph(printable(text), { left: x, width: room - GAP }, style);
    x += room;
    return cell;
  });
  return (top) => {
    const drawn = blocks.map((block) => block(top + 4));
    const bottom = Math.max(...drawn.map((one) => one.bottom)) + 2;
    return {
      shapes: [
        line([left, top, left + width, top], { class: 's-edge thin' }),
        box([left, top + 5, 4, bottom - top - 8], { rx: 2, class: `f-${colour}` }),
        ...(number === undefined ? [] : [eventDot(left + 22, top + 13, String(number), colour)]),
        ...drawn.flatMap(({ shapes }) => shapes),
      ],
      bottom,
    };
  };
}
