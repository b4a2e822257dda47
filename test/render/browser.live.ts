// The pictures as a browser shows them: no text overlaps, is cut off or covered, and all of it has contrast.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { chromium, type Browser, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { renderSvg } from '../../src/render/svg/svg.js';
import { suite } from '../support/suite.js';
import { findFaults } from './browser-page.js';
import { FIXTURES } from './fixtures/index.js';
import { outsideDnat } from './fixtures/paths.js';

const test = suite('render: pictures in a browser');
const executable = findBrowser();
test.skipUnless(executable === null ? 'no Chromium on the PATH' : null, { optional: true });

let browser: Browser | undefined;

test.before(async () => {
  browser = await chromium.launch({
    executablePath: executable ?? '',
    args: ['--no-sandbox', '--disable-gpu'],
  });
});

test.after(async () => {
  await browser?.close();
});

for (const [name, make] of Object.entries(FIXTURES)) {
  test(`${name}: readable at 800, 1280 and 1920 pixels, light and dark`, async () => {
    await inspectAll(name, await renderSvg(make()));
  });
}

const SAMPLES = new URL('../../../test/golden/samples/', import.meta.url);

for (const name of readdirSync(SAMPLES).filter((file) => /(?<!-changed)\.svg$/.test(file))) {
  test(`sample ${name}: readable at 800, 1280 and 1920 pixels, light and dark`, async () => {
    await inspectAll(name, readFileSync(new URL(name, SAMPLES), 'utf8'));
  });
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
  const faults = (await inspect(svg, 1280, 'light')).join('\n');
  for (const word of ['overlaps', 'is cut off', 'is covered', 'has a contrast of 2.85']) {
    assert.match(faults, word);
  }
});

test('a picture inside of a page keeps its look to itself', async () => {
  const svg = await renderSvg(outsideDnat());
  const page = await open(1280, 'dark');
  await page.setContent(`<p>before</p>${svg.replace(/^<\?xml.*\n/, '')}`);
  const color = await page.evaluate("getComputedStyle(document.querySelector('p')).color");
  assert.is(color, 'rgb(0, 0, 0)');
  await page.close();
});

async function inspectAll(name: string, svg: string): Promise<void> {
  for (const width of [800, 1280, 1920]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const faults = await inspect(svg, width, colorScheme);
      assert.equal(faults, [], `${name} at ${width}, ${colorScheme}:\n${faults.join('\n')}`);
    }
  }
}

const pages = new Map<string, Page>();

async function inspect(svg: string, width: number, scheme: 'light' | 'dark'): Promise<string[]> {
  const page = pages.get(`${width} ${scheme}`) ?? (await open(width, scheme));
  pages.set(`${width} ${scheme}`, page);
  await page.goto(`data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`);
  const height = await page.evaluate('document.documentElement.getBoundingClientRect().height');
  await page.setViewportSize({ width, height: Math.ceil(Number(height)) + 1 });
  return await page.evaluate<string[]>(findFaults);
}

async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
  if (!browser) throw new Error('the browser did not start');
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  page.on('dialog', () => assert.unreachable('a script ran'));
  return page;
}

function findBrowser(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => existsSync(path)) ?? null;
}

test.run();
