/** Draws the legend of those signs that the picture uses. */
import type { Row, Scene } from '../layout/scene.js';
import { label, NOTE, nothing, type Draw, type Frame } from './block.js';
import { measureIn } from './metrics.js';
import { box, line, shape, type Shape } from './shapes.js';

interface Entry {
  readonly text: string;
  readonly used: (row: Row) => boolean;
  /** Width of the sample; 40 by default. */
  readonly width?: number;
  readonly draw: (x: number, y: number) => Shape[];
}

const SAMPLE = 40;

const ENTRIES: readonly Entry[] = [
  {
    text: 'request',
    used: (row) => row.type === 'arrow' && row.tone === 'request',
    draw: (x, y) => [
      line([x, y, x + SAMPLE - 8, y], { class: 's-request shaft' }),
      shape('polygon', {
        points: `${x + SAMPLE},${y} ${x + SAMPLE - 10},${y - 5} ${x + SAMPLE - 10},${y + 5}`,
        class: 'f-request',
      }),
    ],
  },
  {
    text: 'reply',
    used: (row) => row.type === 'arrow' && row.tone === 'reply',
    draw: (x, y) => [
      line([x + 8, y, x + SAMPLE, y], { class: 's-reply shaft' }),
      shape('polygon', {
        points: `${x},${y} ${x + 10},${y - 5} ${x + 10},${y + 5}`,
        class: 'f-reply',
      }),
    ],
  },
  {
    text: 'reset or retransmission',
    used: (row) => row.type !== 'remark' && (row.tone === 'reset' || row.tone === 'retransmit'),
    draw: (x, y) => [line([x, y, x + SAMPLE, y], { class: 's-bad shaft' })],
  },
  {
    text: 'event, by number',
    width: 18,
    used: (row) => row.type !== 'remark',
    draw: (x, y) => [
      box([x, y - 9, 18, 18], { rx: 9, class: 'f-paper s-ink thin' }),
      label([x + 9, y + 4], '7', { size: 11, face: 'mono', anchor: 'middle' }),
    ],
  },
  {
    text: 'follows from what was seen',
    used: (row) => row.type === 'arrow' && (row.tail !== null || row.head !== null),
    draw: (x, y) => [line([x, y, x + SAMPLE, y], { class: 's-ink shaft implied' })],
  },
  {
    text: 'further places are not listed',
    width: 30,
    used: (row) => row.type === 'arrow' && (row.unlisted.before || row.unlisted.after),
    draw: (x, y) => [
      line([x, y, x + 14, y], { class: 's-ink shaft' }),
      ...[17, 22, 27].map((left) => box([x + left, y - 2, 4, 4], { rx: 2, class: 'f-ink' })),
    ],
  },
  {
    text: 'addresses rewritten (NAT)',
    width: 14,
    used: (row) => row.type === 'arrow' && row.rewritings.length > 0,
    draw: (x, y) => [
      shape('polygon', {
        points: `${x + 7},${y - 7} ${x + 14},${y} ${x + 7},${y + 7} ${x},${y}`,
        class: 'f-nat',
      }),
    ],
  },
  {
    text: 'bytes moved by the relay',
    width: 30,
    used: (row) => row.type === 'relay',
    draw: (x, y) => [box([x, y - 7, 30, 14], { rx: 7, class: 'f-paper s-relay shaft' })],
  },
  {
    text: 'several folded into one',
    used: (row) => row.type !== 'remark' && row.count > 1,
    draw: (x, y) => [
      line([x, y - 2, x + SAMPLE, y - 2], { class: 's-ink shaft' }),
      line([x, y + 2, x + SAMPLE, y + 2], { class: 's-ink shaft' }),
    ],
  },
  {
    text: 'dropped',
    width: 18,
    used: (row) => row.type === 'arrow' && row.drop !== null,
    draw: (x, y) => [
      box([x, y - 9, 18, 18], { rx: 5, class: 'f-bad' }),
      line([x + 5, y - 4, x + 13, y + 4], { class: 's-paper shaft' }),
      line([x + 5, y + 4, x + 13, y - 4], { class: 's-paper shaft' }),
    ],
  },
];

/** Draws the legend in as many lines as it needs; nothing for a picture without rows. */
export function drawLegend(scene: Scene, { left, width }: Frame): Draw {
  const rows = scene.panels.flatMap(({ ladder }) => ladder.rows);
  const entries = ENTRIES.filter(({ used }) => rows.some(used));
  if (entries.length === 0) return nothing;
  return (top) => {
    const shapes: Shape[] = [line([left, top, left + width, top], { class: 's-edge thin' })];
    let x = left;
    let y = top + 20;
    for (const { text, draw, width: sample = SAMPLE } of entries) {
      const needed = sample + 8 + measureIn('prose', NOTE.size)(text) + 24;
      if (x + needed > left + width && x > left) {
        x = left;
        y += 24;
      }
      shapes.push(...draw(x, y), label([x + sample + 8, y + 4], text, NOTE));
      x += needed;
    }
    return { shapes, bottom: y + 20 };
  };
}
