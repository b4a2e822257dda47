/** What the documentation shows, made by the commands of its pages: `npm run docs`. Needs Chromium and tshark. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBrowser, startBrowser } from './support/browser.js';
import { listPictures, replayPages } from './support/readme.js';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

await replayPages(async ({ pages, folder }) => {
  for (const { file, text } of pages) await writeFile(file, text);
  for (const name of await listPictures()) await copyFile(join(folder, name), join(DOCS, name));
  await photograph(join(folder, 'report.html'), join(DOCS, 'report.png'));
});

/** The report's first screen, with the bytes of a request lit. */
async function photograph(report: string, picture: string): Promise<void> {
  const browser = await startBrowser(findBrowser());
  try {
    const page = await browser.newPage({ viewport: { width: 1180, height: 1000 } });
    await page.goto(`file://${report}`);
    await page.locator('g.row', { hasText: ' B' }).first().click();
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({ path: picture });
  } finally {
    await browser.close();
  }
}
