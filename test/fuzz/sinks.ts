/** Every output of a report and of a map, checked for what would act on a terminal, a page or a picture. */
import { explanationSchema, type Explanation } from '../../src/model/explain.js';
import { reportSchema } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { escapeJson, escapeLines, escapeStyled } from '../../src/model/visible.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderExplanation } from '../../src/render/terminal/explain.js';
import { renderHtml } from '../../src/render/html/html.js';
import { renderJson } from '../../src/render/json.js';
import { renderListing } from '../../src/render/terminal/listing.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { renderPerfetto } from '../../src/render/perfetto.js';
import { renderTopologySvg } from '../../src/render/svg/map.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';

/** Controls but line ends, format characters (bidi), line separators, and scripts from right to left. */
const ACTIVE = /[^\P{C}\n]|[\p{Zl}\p{Zp}\u0590-\u08ff]/u;
const STYLE = /\u001b\[[0-9;]*m/g;
/** Pictures of every so many tries: each takes as long as a hundred of the rest. */
const PICTURES = 40;

/** Analyses a trace and draws it everywhere. @throws what any of it throws, and for whatever is active in an output */
export async function drawTrace(trace: Trace, seed: number): Promise<void> {
  const report = analyse(trace);
  reportSchema.parse(JSON.parse(JSON.stringify(report)));
  expectCalm('terminal', escapeStyled(renderTerminal(report, { columns: 100, color: true })));
  expectCalm('listing', escapeLines(renderListing(report.connections)));
  expectCalm('JSON', escapeJson(renderJson(report)));
  for (const note of trace.tail.notes) expectCalm('note', escapeLines(note));
  expectCalm('mermaid', renderMermaid(report));
  renderPcapng(report, trace);
  expectCalm('perfetto', escapeJson(String(renderPerfetto(report))));
  if (seed % PICTURES !== 0) return;
  expectPicture('SVG', await renderSvg(report));
  expectPage(await renderHtml(report, null));
}

export async function drawExplanation(explanation: Explanation, seed: number): Promise<void> {
  explanationSchema.parse(JSON.parse(JSON.stringify(explanation)));
  const text = renderExplanation(explanation, { columns: 100, color: true });
  expectCalm('terminal', escapeStyled(text));
  if (seed % PICTURES === 0) expectPicture('map', await renderTopologySvg(explanation));
}

function expectCalm(sink: string, text: string): void {
  const active = ACTIVE.exec(text.replaceAll(STYLE, ''));
  if (active) {
    const around = text.slice(Math.max(0, active.index - 40), active.index + 40);
    throw new Error(`${sink}: ${JSON.stringify(active[0])} in ${JSON.stringify(around)}`);
  }
}

function expectPicture(sink: string, svg: string): void {
  expectCalm(sink, svg);
  const found =
    /<script|<image|<foreignObject|="[^"]*(?:NaN|undefined)/.exec(svg) ??
    // What stands between quotes is text.
    /<[^>]*\s(?:on\w+|href)=/.exec(svg.replaceAll(/="[^"]*"/g, '=""'));
  if (found) throw new Error(`${sink}: ${found[0]}`);
}

/** Three scripts are ours: the data, the map and the program. */
function expectPage(html: string): void {
  if ((html.match(/<script/gi)?.length ?? 0) !== 3) throw new Error('HTML: a script is not ours');
}
