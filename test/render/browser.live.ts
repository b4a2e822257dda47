/** The pictures as a browser shows them: no text overlaps, is cut off or covered, and all of it has contrast. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Browser, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { renderSvg } from '../../src/render/svg/svg.js';
import { findBrowser, startBrowser } from '../support/browser.js';
import { suite } from '../support/suite.js';
import { findFaults } from './browser-page.js';
import { FIXTURES } from './fixtures/index.js';
import { overTime } from './fixtures/over-time.js';
import { outsideDnat } from './fixtures/paths.js';

const test = suite('render: pictures in a browser');
const executable = findBrowser();
test.skipUnless(executable === null ? 'no Chromium on the PATH' : null, { optional: true });

let browser: Browser | undefined;
let page: Page;

test.before(async () => {
  browser = await startBrowser(executable);
  page = await browser.newPage({ viewport: { width: 1920, height: 6000 } });
  page.on('dialog', () => assert.unreachable('a script ran'));
});

test.after(async () => {
  await browser?.close();
});

for (const [name, make] of Object.entries(FIXTURES)) {
  test(`${name}: readable at 800, 1280 and 1920 pixels, light and dark`, async () => {
    await inspectAll(name, await renderSvg(make()));
  });
}

for (const count of [1, 20, 5_000]) {
  test(`card and waterfall of ${count} connections: readable at 800, 1280 and 1920 pixels, light and dark`, async () => {
    await inspectAll(`${count} connections`, await renderSvg(overTime(count)));
  });
}

for (const folder of ['samples', 'captures']) {
  const golden = new URL(`../../../test/golden/${folder}/`, import.meta.url);
  for (const name of readdirSync(golden).filter((file) => /(?<!-changed)\.svg$/.test(file))) {
    test(`${folder}/${name}: readable at 800, 1280 and 1920 pixels, light and dark`, async () => {
      await inspectAll(name, readFileSync(new URL(name, golden), 'utf8'));
    });
  }
}

test('the map of a host: readable at 800, 1280 and 1920 pixels, light and dark', async () => {
  const map = new URL('../../../test/golden/render/map.svg', import.meta.url);
  await inspectAll('map', readFileSync(map, 'utf8'));
});

test('the check itself finds overlapping, cut, covered and faint text', async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="200" viewBox="0 0 800 200">
    <rect width="800" height="200" fill="#fff"/>
    <text x="10" y="40">one text</text><text x="30" y="42">another</text>
    <text x="780" y="80">cut off</text>
    <text x="10" y="120">covered</text><rect x="10" y="100" width="90" height="30" fill="#eee"/>
    <text x="10" y="160" fill="#999">faint</text></svg>`;
  const faults = (await inspect(svg, 'light')).join('\n');
  for (const word of ['overlaps', 'is cut off', 'is covered', 'has a contrast of 2.85']) {
    assert.match(faults, word);
  }
});

test('a picture inside of a page keeps its look to itself, and alone has the ground of its scheme', async () => {
  const svg = await renderSvg(outsideDnat());
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setContent(`<p>before</p>${inline(svg)}`);
  const color = await page.evaluate("getComputedStyle(document.querySelector('p')).color");
  assert.is(color, 'rgb(0, 0, 0)');
  await page.goto(`data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`);
  const ground = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  assert.is(ground, 'rgb(13, 17, 23)');
});

async function inspectAll(name: string, svg: string): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    const faults = await inspect(svg, scheme);
    assert.equal(faults, [], `${name}, ${scheme}:\n${faults.join('\n')}`);
  }
}

/** Faults at every width. All of the picture must be inside the window, or nothing is found at its points. */
async function inspect(svg: string, scheme: 'light' | 'dark'): Promise<string[]> {
  await page.emulateMedia({ colorScheme: scheme });
  await page.setContent(`<body style="margin:0"><div id="frame">${inline(svg)}</div>`);
  const height = await page.evaluate<number>('document.documentElement.scrollHeight');
  if (height > (page.viewportSize()?.height ?? 0))
    await page.setViewportSize({ width: 1920, height });
  return page.evaluate<string[]>(`[800, 1280, 1920].flatMap((width) => {
    document.getElementById('frame').style.width = width + 'px';
    return ${findFaults}.map((fault) => width + ' pixels: ' + fault);
  })`);
}

function inline(svg: string): string {
  return svg.replace(/^<\?xml.*\n/, '');
}

test.run();
