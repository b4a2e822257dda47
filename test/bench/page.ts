/** How fast the HTML report is with 20,000 events: `npm run bench:page`. Times of one run in Chromium, from opening the file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderHtml } from '../../src/render/html/html.js';
import { largeReport } from '../render/fixtures/large.js';
import { findBrowser, startBrowser } from '../support/browser.js';

const folder = await mkdtemp(join(tmpdir(), 'trace-flow-page-'));
const browser = await startBrowser(findBrowser());
try {
  for (const [connections, events] of [
    [1, 20_000],
    [100, 200],
    [2_000, 10],
  ] as const) {
    const html = await renderHtml(largeReport(connections, events), null);
    const file = join(folder, 'report.html');
    await writeFile(file, html);
    const page = await browser.newPage();
    await page.goto(`file://${file}`);
    const opened = await page.evaluate(
      'new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))',
    );
    const filtered = await page.evaluate(
      `(() => { const begun = performance.now(); const input = document.querySelector('input');
        input.value = '198.51.100.2 redis'; input.dispatchEvent(new Event('input'));
        document.body.getBoundingClientRect(); return performance.now() - begun; })()`,
    );
    console.log(
      `${connections} connections of ${events} events: ${(html.length / 1e6).toFixed(1)} MB, ` +
        `drawn and answering after ${Number(opened).toFixed(0)} ms, filtered in ${Number(filtered).toFixed(0)} ms`,
    );
    await page.close();
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}
