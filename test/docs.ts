// The pictures of the documentation, made of the samples: `npm run docs`. The screenshot needs Chromium.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainTraced } from '../src/app/explain-host.js';
import { analyse } from '../src/prove/analyse.js';
import { renderHtml } from '../src/render/html/html.js';
import { renderSvg } from '../src/render/svg/svg.js';
import { findBrowser, startBrowser } from './support/browser.js';
import { readSample } from './support/samples.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

for (const name of ['dnat-outside', 'proxy-loopback']) {
  await writeFile(join(DOCS, `${name}.svg`), await renderSvg(analyse(readSample(name))));
}

const folder = await mkdtemp(join(tmpdir(), 'trace-flow-docs-'));
const browser = await startBrowser(findBrowser());
try {
  const trace = readSample('proxy-loopback');
  const file = join(folder, 'report.html');
  await writeFile(file, await renderHtml(analyse(trace), explainTraced(trace.header)));
  const page = await browser.newPage({ viewport: { width: 1000, height: 1000 } });
  await page.goto(`file://${file}`);
  await page.locator('g.row', { hasText: ' B' }).first().click();
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: join(DOCS, 'report.png') });
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}
