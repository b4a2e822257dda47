/** Draws the marks of outcomes, each in its own shape, so that they differ even without colour. */
import type { Outcome } from '../../model/verdict.js';
import { OUTCOME_SIGNS } from '../signs.js';
import { stopSign } from './marks.js';
import { box, line, polygon, shape, type Shape } from './shapes.js';

const RADIUS = 6;

/** Draws the mark around a point; nothing for `answered`, the usual outcome. */
export function drawOutcomeMark(outcome: Outcome, x: number, y: number): Shape[] {
  const { mark } = OUTCOME_SIGNS[outcome];
  const disc = (look: string): Shape => shape('circle', { cx: x, cy: y, r: RADIUS, class: look });
  switch (outcome) {
    case 'answered':
      return [];
    case 'dropped':
      return stopSign(x, y, RADIUS + 1);
    case 'refused':
      return [disc(`f-${mark}`), line([x - 4, y, x + 4, y], { class: 's-paper shaft' })];
    case 'reset':
      return [
        polygon(
          [
            [x - 7, y + 6],
            [x, y - 7],
            [x + 7, y + 6],
          ],
          `f-${mark}`,
        ),
      ];
    case 'unanswered':
      return [disc(`f-paper s-${mark} shaft implied`)];
    case 'stalled':
      return [-5, 1].map((left) => box([x + left, y - 6, 4, 12], { class: `f-${mark}` }));
  }
}
