/** Renders the report as an SVG picture: the answer, then a ladder per connection with its evidence, the legend. */
import type { Report } from '../../model/report.js';
import { joinHeadline } from '../../words/headline.js';
import { formatCount } from '../format.js';
import { layOut } from '../layout/layout.js';
import type { CoverageNote, Scene } from '../layout/scene.js';
import { layOutWaterfall, type Waterfall } from '../layout/waterfall.js';
import { box, type Picture } from './shapes.js';
import { label, nothing, paragraph, space, stack, type Block } from './block.js';
import { serialisePicture } from './document.js';
import { drawHeadline } from './headline.js';
import { widthFor } from './lanes.js';
import { drawLegend } from './legend.js';
import { drawPanel } from './panel.js';
import { styleSheet } from './style.js';
import { drawSummary } from './summary.js';
import { drawWaterfall } from './waterfall.js';

export interface SvgOptions {
  /** How many connections are drawn in full; 6 by default. */
  readonly panels?: number;
}

const MARGIN = 24;
const USUAL_WIDTH = 880;

/** The report as one well-formed SVG document without scripts or references. Loads d3-node and a DOM when called. */
export async function renderSvg(report: Report, options: SvgOptions = {}): Promise<string> {
  const scene = layOut(report, { panels: options.panels ?? 6 });
  return serialisePicture(drawPicture(scene, layOutWaterfall(report.connections)));
}

/** The whole picture as shapes; pure. */
export function drawPicture(scene: Scene, waterfall: Waterfall | null): Picture {
  const inner = Math.max(
    USUAL_WIDTH - 2 * MARGIN,
    ...scene.panels.map(({ ladder }) => widthFor(ladder)),
  );
  const warnings = scene.coverage.filter(({ severity }) => severity === 'warning');
  const good = scene.coverage.filter(({ severity }) => severity === 'good');
  const body = stack(MARGIN, [
    (y) => drawHeadline(scene, MARGIN, y, inner),
    ...warnings.map((note) => (y: number) => drawNote(note, y, inner)),
    space(10),
    (y) => drawSummary(scene.summary, MARGIN, y, inner),
    (y) => drawWaterfall(waterfall, MARGIN, y, inner),
    ...scene.panels.map(
      (panel) => (y: number) => drawPanel(panel, scene, y, { left: MARGIN, width: inner }),
    ),
    (y) => drawHidden(scene, y, inner),
    (y) => drawLegend(scene, MARGIN, y, inner),
    ...good.map((note) => (y: number) => drawNote(note, y, inner)),
  ]);
  const [width, height] = [inner + 2 * MARGIN, Math.ceil(body.bottom + MARGIN)];
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

function drawNote({ severity, text }: CoverageNote, top: number, width: number): Block {
  const warns = severity === 'warning';
  const block = paragraph(text, [MARGIN + (warns ? 18 : 0), top + 3, width - 18], {
    size: 12,
    colour: warns ? 'unsure' : 'muted',
  });
  const mark = label([MARGIN + 2, top + 15], '!', { size: 13, face: 'strong', colour: 'unsure' });
  return {
    shapes: warns ? [mark, ...block.shapes] : block.shapes,
    bottom: Math.max(block.bottom, top + 18),
  };
}

function drawHidden(scene: Scene, top: number, width: number): Block {
  const hidden = scene.connections - scene.panels.length;
  if (hidden <= 0) return nothing(top);
  const text = `${formatCount(hidden)} of ${formatCount(scene.connections)} connections are not drawn.`;
  const block = paragraph(text, [MARGIN, top, width], { size: 13, colour: 'muted' });
  return { shapes: block.shapes, bottom: block.bottom + 12 };
}
