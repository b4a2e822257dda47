/** Draws the legend of those signs that the picture uses. */
import type { Row, Scene } from '../layout/scene.js';
import { label, nothing, TEXT, type Draw, type Frame } from './block.js';
import { arrowHead, diamond, dots, eventDot, shaft, stopSign } from './marks.js';
import { measureIn } from './metrics.js';
import { box, line, type Shape } from './shapes.js';

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
      shaft(x, x + SAMPLE - 8, y, 'request'),
      arrowHead(x + SAMPLE, y, 1, 'request'),
    ],
  },
  {
    text: 'reply',
    used: (row) => row.type === 'arrow' && row.tone === 'reply',
    draw: (x, y) => [shaft(x + 8, x + SAMPLE, y, 'reply'), arrowHead(x, y, -1, 'reply')],
  },
  {
    text: 'reset or retransmission',
    used: (row) => row.type !== 'remark' && (row.tone === 'reset' || row.tone === 'retransmit'),
    draw: (x, y) => [shaft(x, x + SAMPLE, y, 'bad')],
  },
  {
    text: 'event, by number',
    width: 18,
    used: (row) => row.type !== 'remark',
    draw: (x, y) => [eventDot(x + 9, y, '7', 'ink')],
  },
  {
    text: 'follows from what was seen',
    used: (row) => row.type === 'arrow' && (row.tail !== null || row.head !== null),
    draw: (x, y) => [shaft(x, x + SAMPLE, y, 'ink', ' implied')],
  },
  {
    text: 'further places are not listed',
    width: 30,
    used: (row) => row.type === 'arrow' && (row.unlisted.before || row.unlisted.after),
    draw: (x, y) => [shaft(x, x + 14, y, 'ink'), ...dots([x + 19, x + 24, x + 29], y, 'ink')],
  },
  {
    text: 'addresses rewritten (NAT)',
    width: 14,
    used: (row) => row.type === 'arrow' && row.rewritings.length > 0,
    draw: (x, y) => [diamond(x + 7, y)],
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
    draw: (x, y) => [y - 2, y + 2].map((height) => shaft(x, x + SAMPLE, height, 'ink')),
  },
  {
    text: 'dropped',
    width: 18,
    used: (row) => row.type === 'arrow' && row.drop !== null,
    draw: (x, y) => stopSign(x + 9, y, 9),
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
      const needed = sample + 8 + measureIn('prose', TEXT.note.size)(text) + 24;
      if (x + needed > left + width && x > left) {
        x = left;
        y += 24;
      }
      shapes.push(...draw(x, y), label([x + sample + 8, y + 4], text, TEXT.note));
      x += needed;
    }
    return { shapes, bottom: y + 20 };
  };
}
