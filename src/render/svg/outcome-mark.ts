/** Draws the marks of outcomes, each in its own shape, so that they differ even without colour. */
import type { Outcome } from '../../model/verdict.js';
import { OUTCOME_SIGNS } from '../signs.js';
import { box, line, shape, type Shape } from './shapes.js';

const RADIUS = 6;

/** Draws the mark around a point; nothing for `answered`, the usual outcome. */
export function drawOutcomeMark(outcome: Outcome, x: number, y: number): Shape[] {
  const { mark } = OUTCOME_SIGNS[outcome];
  const disc = (look: string): Shape => shape('circle', { cx: x, cy: y, r: RADIUS, class: look });
  const white = { class: 's-paper shaft' };
  switch (outcome) {
    case 'answered':
      return [];
    case 'dropped':
      return [
        polygon([-3, -6, 3, -6, 6, -3, 6, 3, 3, 6, -3, 6, -6, 3, -6, -3], x, y, mark),
        line([x - 3, y - 3, x + 3, y + 3], white),
        line([x - 3, y + 3, x + 3, y - 3], white),
      ];
    case 'refused':
      return [disc(`f-${mark}`), line([x - 4, y, x + 4, y], white)];
    case 'reset':
      return [polygon([-7, 6, 0, -7, 7, 6], x, y, mark)];
    case 'unanswered':
      return [disc(`f-paper s-${mark} shaft implied`)];
    case 'stalled':
      return [-5, 1].map((left) => box([x + left, y - 6, 4, 12], { class: `f-${mark}` }));
  }
}

function polygon(corners: readonly number[], x: number, y: number, colour: string): Shape {
  const points = corners.map((value, i) => Math.round((value + (i % 2 === 0 ? x : y)) * 10) / 10);
  return shape('polygon', { points: points.join(' '), class: `f-${colour}` });
}
