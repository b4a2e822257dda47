/** Renders the report as an SVG picture: the answer, then a ladder per connection with its evidence, the legend. */
import type { Report } from '../../model/report.js';
import { joinHeadline } from '../../words/headline.js';
import { formatCount } from '../../words/numbers.js';
import { layOut } from '../layout/layout.js';
import type { Scene } from '../layout/scene.js';
import { layOutWaterfall, type Waterfall } from '../layout/waterfall.js';
import { box, type Picture } from './shapes.js';
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
import { serialisePicture } from './document.js';
import { drawHeadline } from './headline.js';
import { widthFor } from './lanes.js';
import { drawLegend } from './legend.js';
import { drawPanel } from './panel.js';
import { styleSheet } from './style.js';
import { drawSummary } from './summary.js';
import { drawWaterfall } from './waterfall.js';

/** How many connections are drawn in full. */
const PANELS = 6;
const MARGIN = 24;
const USUAL_WIDTH = 880;

/** The report as one well-formed SVG document without scripts or references. Loads d3-node and a DOM when called. */
export async function renderSvg(report: Report): Promise<string> {
  const scene = layOut(report, { panels: PANELS });
  return serialisePicture(drawPicture(scene, layOutWaterfall(report.connections)));
}

/** The whole picture as shapes; pure. */
export function drawPicture(scene: Scene, waterfall: Waterfall | null): Picture {
  const widths = scene.panels.map(({ ladder }) => widthFor(ladder));
  const frame = { left: MARGIN, width: Math.max(USUAL_WIDTH - 2 * MARGIN, ...widths) };
  const body = stack([
    drawHeadline(scene, frame),
    ...scene.warnings.map((text) => drawWarning(text, frame)),
    space(10),
    drawSummary(scene.summary, frame),
    drawWaterfall(waterfall, frame),
    ...scene.panels.map((panel) => drawPanel(panel, scene, frame)),
    drawHidden(scene, frame),
    drawLegend(scene, frame),
    scene.complete === ''
      ? nothing
      : below(3, paragraph(scene.complete, inset(frame, 0, 18), TEXT.note)),
  ])(MARGIN);
  const [width, height] = [frame.width + 2 * MARGIN, Math.ceil(body.bottom + MARGIN)];
  return {
    name: 'trace-flow',
    width,
    height,
    title: `${scene.headline.subject}: ${scene.headline.outcome}`,
    description: joinHeadline(scene.headline),
    style: styleSheet(),
    shapes: [box([0, 0, width, height], { class: 'f-paper' }), ...body.shapes],
  };
}

function drawWarning(text: string, frame: Frame): Draw {
  const block = paragraph(text, inset(frame, 18), { size: 12, colour: 'unsure' });
  const style = { size: 13, face: 'strong', colour: 'unsure' } as const;
  return (top) => {
    const { shapes, bottom } = block(top + 3);
    return {
      shapes: [label([frame.left + 2, top + 15], '!', style), ...shapes],
      bottom: Math.max(bottom, top + 18),
    };
  };
}

function drawHidden({ connections, panels }: Scene, frame: Frame): Draw {
  const hidden = connections - panels.length;
  if (hidden <= 0) return nothing;
  const text = `${formatCount(hidden)} of ${formatCount(connections)} connections are not drawn.`;
  return stack([paragraph(text, frame, { size: 13, colour: 'muted' }), space(12)]);
}
