/** The HTML report as a reader uses it, in Chromium without a network: filter, sort, point, claims, zoom, keys; hostile names do nothing. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { explainTraced } from '../../src/app/explain-host.js';
import { explanationSchema, type Explanation } from '../../src/model/explain.js';
import type { Predicted, Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderHtml } from '../../src/render/html/html.js';
import { findBrowser, startBrowser } from '../support/browser.js';
import { CAPTURES, readCapture } from '../support/captures.js';
import { readSample, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';
import { findFaults, findPageFaults, OPEN_UP } from './browser-page.js';
import { FIXTURES } from './fixtures/index.js';
import { largeReport } from './fixtures/large.js';
import { overTime } from './fixtures/over-time.js';
import { hostileNames, mixedHundred } from './fixtures/many.js';

const test = suite('render: the HTML report in a browser');
const executable = findBrowser();
test.skipUnless(executable === null ? 'no Chromium on the PATH' : null, { optional: true });

let browser: Browser | undefined;
let context: BrowserContext;
let page: Page;
let folder: string;
/** Whatever the page says, asks for or throws. */
const noises: string[] = [];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-html-'));
  browser = await startBrowser(executable);
  context = await browser.newContext({ offline: true, viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('console', (message) => noises.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => noises.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    noises.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`file://${folder}/`)) noises.push(`request: ${request.url()}`);
  });
});

test.after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(report: Report, host: Explanation | null = null): Promise<void> {
  noises.length = 0;
  const file = join(folder, 'report.html');
  await writeFile(file, await renderHtml(report, host));
  await page.goto(`file://${file}`);
}

async function openTrace(trace: Trace): Promise<void> {
  await open(analyse(trace), explainTraced(trace.header));
}

function assertQuiet(): void {
  assert.equal(noises, []);
}

const texts = async (selector: string): Promise<string[]> =>
  page.locator(selector).allTextContents();
const column = async (n: number): Promise<string[]> =>
  texts(`table[aria-label=Connections] tbody td:nth-child(${n})`);

test('the list is filtered by words and choices, and sorted both ways', async () => {
  await open(mixedHundred());
  assert.is((await column(1)).length, 20, 'a page of the list');
  await page.getByLabel('outcome').selectOption('refused');
  assert.equal(await column(1), ['51']);
  await page.getByLabel('outcome').selectOption('');
  await page.getByLabel('Filter', { exact: true }).fill('127.0.0.1:45012');
  assert.equal(await column(1), ['12']);
  assert.match((await texts('[role=search] [role=status]')).join(), '1 of 100 shown');
  await page.getByLabel('Filter', { exact: true }).fill('');
  await page
    .locator('table[aria-label=Connections] th')
    .filter({ hasText: 'path' })
    .getByRole('button')
    .click();
  assert.is((await column(2))[0], 'dnat');
  await page.getByRole('button', { name: 'path ▲' }).click();
  assert.is((await column(2))[0], 'docker-proxy');
  assert.is(await page.locator('th[aria-sort=descending]').count(), 1);
  await page.getByRole('button', { name: 'Connections: next page' }).click();
  assert.match((await texts('[role=status]')).join(), '21–40 of 100');
  await page.getByRole('button', { name: 'Show connection 60', exact: true }).click();
  assert.match(await page.locator('#connection').innerText(), /^#60 tcp 127\.0\.0\.1:45060/);
  assertQuiet();
});

const hash = async (): Promise<string> => page.evaluate<string>('location.hash');

const inStatistics = async (n: number): Promise<string[]> =>
  texts(`table[aria-label=Statistics] tbody td:nth-child(${n})`);

test('statistics: a table that sorts, a chart, and a row that filters the list', async () => {
  await open(analyse(readSample('mixed-20')));
  assert.equal(await inStatistics(2), ['dnat', 'docker-proxy']);
  const sort = page.locator('table[aria-label=Statistics] th', { hasText: 'p50' });
  await sort.getByRole('button').click();
  await sort.getByRole('button').click();
  assert.equal(await inStatistics(2), ['docker-proxy', 'dnat'], 'the slower first');
  assert.is(await page.locator('svg[aria-label^="Times by path"] rect').count(), 4);
  await page.getByRole('button', { name: 'Filter the connections by row 2' }).click();
  assert.equal([...new Set(await column(2))], ['docker-proxy']);
  assert.is(await hash(), '#1?path=docker-proxy&outcome=answered');
  assertQuiet();
});

test('the first screen at 1280 × 800 has the answer and its picture; at 800 the list begins with what matters', async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await open(analyse(readSample('mixed-20')));
  const picture = await page.locator('header svg').boundingBox();
  assert.ok(picture && picture.y + picture.height < 800, JSON.stringify(picture));
  await page.setViewportSize({ width: 800, height: 800 });
  const heads = (await texts('table[aria-label=Connections] th')).slice(0, 4);
  assert.equal(heads, ['#', 'path', 'proof', 'outcome']);
  for (const n of [2, 3, 4]) {
    const cell = page.locator(
      `table[aria-label=Connections] tbody tr:first-child td:nth-child(${n})`,
    );
    const place = await cell.boundingBox();
    assert.ok(place && place.x + place.width < 800, 'seen without scrolling');
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  assertQuiet();
});

test('the odd connection is shown first', async () => {
  await open(mixedHundred());
  assert.match(await page.locator('#connection').innerText(), /^#51 /);
  assert.equal(await texts('tr.chosen td:first-child'), ['51']);
});

test('pointing at a packet lights it up over all hops and across NAT', async () => {
  await openTrace(readSample('dnat-outside'));
  await page
    .locator('g.row', { hasText: /^.*SYN/ })
    .first()
    .hover();
  const listed = (await texts('.hops li')).join('\n');
  for (const word of [
    'outside: eth0 out',
    'host: docker0 out',
    'redis: eth0 in',
    '→ 198.51.100.1:8080',
    '→ 172.17.0.2:6379',
  ]) {
    assert.match(listed, word);
  }
  assert.is(await page.locator('g.row.lit').count(), 1);
  assert.is(await page.locator('tr.lit').count(), 5);
  assert.ok((await page.locator('.lit-place').count()) >= 4, 'devices on the map');
  await page.mouse.move(2, 2);
  assert.is(await page.locator('g.row.lit').count(), 0);
  assertQuiet();
});

test('pointing at a packet lights up the relay, and the same bytes behind it', async () => {
  await openTrace(readSample('proxy-loopback'));
  const labels = async (): Promise<string[]> => {
    const lit = await page.locator('g.row.lit').all();
    return Promise.all(lit.map(async (row) => (await row.getAttribute('aria-label')) ?? ''));
  };
  await page.locator('g.row[aria-label^="14 B:"]').first().hover();
  const [sent, moved, delivered, ...others] = await labels();
  assert.match(sent ?? '', /^14 B: .*→ 127\.0\.0\.1:8080$/);
  assert.match(moved ?? '', /^14 B in → 14 B out/);
  assert.match(delivered ?? '', /^14 B: .*→ 172\.17\.0\.2:6379$/);
  assert.equal(others, []);
  await page.locator('g.row[aria-label^="7 B:"]').first().hover();
  assert.is((await labels()).length, 3);
  assertQuiet();
});

test('a claim lights up its events, in the timeline and in the table', async () => {
  const report = analyse(readSample('proxy-loopback'));
  await open(report);
  const claim =
    report.connections[0]?.evidence.find(({ code }) => /relay/.test(code)) ??
    report.connections[0]?.evidence[0];
  assert.ok(claim);
  const choose = page.locator('.claims button', { hasText: claim.claim });
  await choose.click();
  assert.is(await choose.getAttribute('aria-pressed'), 'true');
  assert.equal(
    (await texts('tr.lit td:first-child')).map(Number),
    [...claim.events].sort((a, b) => a - b),
  );
  assert.ok((await page.locator('g.row.lit').count()) > 0);
  await page.keyboard.press('Escape');
  assert.is(await page.locator('tr.lit').count(), 0);
  assert.is(await choose.getAttribute('aria-pressed'), 'false');
  assertQuiet();
});

test('prediction beside observation, and the finding where they differ', async () => {
  const report = analyse(readSample('proxy-loopback'));
  const [connection] = report.connections;
  assert.ok(connection);
  const predicted: Predicted = {
    path: 'dnat',
    way: 'dnat',
    target: '172.17.0.2:6379',
    at: null,
    sourceSeen: null,
    rule: '-A DOCKER -j DNAT <b>',
    why: 'a rule takes it',
    agrees: false,
  };
  const finding = {
    code: 'x',
    severity: 'error',
    evidence: 'they differ',
    remedy: 'look',
  } as const;
  await open({
    ...report,
    connections: [{ ...connection, predicted }],
    findings: [{ ...finding, connections: [connection.id] }],
  });
  const shown = (await texts('table.beside td')).join(' | ');
  assert.match(shown, /^dnat \| docker-proxy, answered/);
  assert.match(shown, '-A DOCKER -j DNAT <b>');
  assert.equal(await texts('p.bad'), ['they differ. look']);
  assertQuiet();
});

test('zoom: buttons, keys and the wheel', async () => {
  await openTrace(readSample('dnat-outside'));
  const width = async (): Promise<number> =>
    Number(await page.locator('.plot svg').getAttribute('width'));
  await page.getByRole('button', { name: 'Actual size' }).click();
  const whole = await width();
  await page.getByRole('button', { name: 'Zoom in (key +)' }).click();
  assert.ok((await width()) > whole);
  await page.locator('g.row').first().focus();
  await page.keyboard.press('-');
  await page.keyboard.press('-');
  assert.ok((await width()) < whole);
  await page.keyboard.press('0');
  const fitted = await width();
  await page.locator('.plot').hover();
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -100);
  await page.keyboard.up('Control');
  await page.waitForFunction(
    `Number(document.querySelector('.plot svg').getAttribute('width')) > ${fitted}`,
  );
  assertQuiet();
});

test('keyboard only: every part is reached, and the focus is seen', async () => {
  await open(mixedHundred());
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const [name, outlined] = await page.evaluate<[string, boolean]>(`(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at.querySelector('.glow') ?? at);
      const name = at.closest('.claims') ? 'claim' : at.matches('.row') ? 'packet' : at.closest('th') ? 'heading'
        : at.closest('td') ? at.closest('table').getAttribute('aria-label') : at.matches('.hops') ? 'lit'
        : at.closest('[aria-label=Zoom]') ? 'zoom' : at.tagName;
      return [name, style.outlineStyle === 'solid' && style.outlineWidth === '3px' || style.strokeWidth === '3px'];
    })()`);
    assert.ok(outlined, `the focus on ${name} is seen`);
    seen.add(name);
  }
  for (const part of [
    'A',
    'INPUT',
    'SELECT',
    'heading',
    'Connections',
    'zoom',
    'packet',
    'lit',
    'claim',
  ]) {
    assert.ok(seen.has(part), `${part} is reached by the tab key: ${[...seen].join(', ')}`);
  }
  await page.getByRole('button', { name: 'Show connection 51' }).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.match(await page.locator('#connection').innerText(), /^#52 /);
  await page.locator('g.row').first().focus();
  await page.keyboard.press('ArrowDown');
  assert.is(await page.locator('g.row').nth(1).getAttribute('tabindex'), '0');
  assert.match((await page.locator('g.row').nth(1).getAttribute('class')) ?? '', 'lit');
  await page.keyboard.press('End');
  assert.match((await page.locator('g.row').last().getAttribute('class')) ?? '', 'lit');
  assertQuiet();
});

test('hostile names: shown as text, and nothing in them runs', async () => {
  await open(hostileNames());
  await page.locator('g.row').nth(1).hover();
  await page
    .locator('table[aria-label=Connections] th')
    .filter({ hasText: 'path' })
    .getByRole('button')
    .click();
  assert.is(await page.locator('script').count(), 3);
  assert.is(await page.locator('body b, body img, body iframe').count(), 0);
  assert.is(
    await page.evaluate(
      "[...document.querySelectorAll('*')].some((e) => e.getAttributeNames().some((n) => n.startsWith('on')))",
    ),
    false,
  );
  const shown = await page.locator('body').innerText();
  assert.match(shown, '<script>alert(1)</script>');
  assert.not.match(
    shown,
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u0590-\u08ff]/,
  );
  assertQuiet();
});

test('hostile names on the map of the host: shown as text, and nothing in them runs', async () => {
  await open(mixedHundred(), explanationSchema.parse(makeHostile(readMap())));
  const picture = page.locator('svg.picture');
  assert.ok((await picture.locator('text').count()) > 10);
  assert.is(await page.locator('script').count(), 3);
  assert.is(await page.locator('body b, body img, body iframe').count(), 0);
  const shown = (await picture.locator('text').allTextContents()).join('\n');
  assert.match(shown, '<img');
  assert.not.match(shown, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/);
  assertQuiet();
});

test('should markup ever get in, the policy keeps it from running or asking', async () => {
  await open(mixedHundred());
  await page.evaluate(`document.body.insertAdjacentHTML('beforeend',
    '<img src="https://example.invalid/x.png" onerror="window.pwned=1"><a id="trap" href="javascript:window.pwned=1">x</a>')`);
  await page.evaluate("document.getElementById('trap').click()");
  await page.evaluate(
    "{ const s = document.createElement('script'); s.textContent = 'window.pwned=1'; document.body.append(s); }",
  );
  await page.waitForTimeout(50);
  assert.is(await page.evaluate('window.pwned'), undefined);
  assert.ok(
    noises.some((noise) => noise.includes('Content Security Policy')),
    noises.join('\n'),
  );
  assert.ok(
    noises.some((noise) => noise.startsWith('console: Loading the image')),
    noises.join('\n'),
  );
});

test('20,000 events in one connection, and in 100', async () => {
  await open(largeReport(1, 20_000));
  assert.match((await texts('[role=status]')).join(), /1–100 of 20,00\d/);
  await page.getByLabel('Filter events').fill('docker0 out');
  assert.match((await texts('[role=status]')).join(), /1–100 of 2,\d\d\d/);
  await page.getByRole('button', { name: 'Events: next page' }).click();
  assert.match((await texts('[role=status]')).join(), /101–200 of 2,/);
  await open(largeReport(100, 200));
  await page.getByLabel('of all connections').check();
  assert.match((await texts('[role=status]')).join(), /1–100 of 20,\d\d\d/);
  assertQuiet();
});

type Case = readonly [string, () => Promise<readonly [Report, Explanation | null]>];

const judged = (trace: Trace): readonly [Report, Explanation | null] => [
  analyse(trace),
  explainTraced(trace.header),
];
const cases: Case[] = [
  ...Object.entries(FIXTURES).map(([name, make]): Case => [
    name,
    () => Promise.resolve([make(), null]),
  ]),
  ...Object.keys(TRUTHS).map((name): Case => [
    name,
    () => Promise.resolve(judged(readSample(name))),
  ]),
  ...Object.entries(CAPTURES).map(([name, { files, ports }]): Case => [
    name,
    async () => judged(await readCapture(files, ports)),
  ]),
  ...[1, 20].map((count): Case => [
    `${count} over time`,
    () => Promise.resolve([overTime(count), null]),
  ]),
  ['map of an engine', () => Promise.resolve([mixedHundred(), readMap()])],
];

const WIDTHS = [800, 1280, 1920] as const;
const SCHEMES = ['light', 'dark'] as const;

test('every fixture, sample and capture: readable at 800, 1280 and 1920 pixels, light and dark', async () => {
  const height = page.viewportSize()?.height ?? 0;
  for (const [name, make] of cases) {
    await open(...(await make()));
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height });
      const whole = await page.evaluate<number>(OPEN_UP);
      await page.setViewportSize({ width, height: whole });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        const faults = await page.evaluate<string[]>(`[...${findPageFaults}, ...${findFaults}]`);
        assert.equal(faults, [], `${name} at ${width}, ${colorScheme}`);
      }
    }
    assertQuiet();
  }
});

test('the check itself finds faint, cut and overlapping text', async () => {
  await page.goto('about:blank'); // the report's policy would forbid these styles
  await page.setContent(`<p style="color:#999">faint</p>
    <p style="width:4em;overflow:hidden;white-space:nowrap">cut off at its end</p>
    <p>one text</p><p style="margin-top:-2.5em">another</p>`);
  const faults = (await page.evaluate<string[]>(findPageFaults)).join('\n');
  for (const word of ['has a contrast of 2.85', 'is cut off', '"another" overlaps "one text"']) {
    assert.match(faults, word);
  }
});

test('the map: the wiring as a picture, where a lit packet lights up the devices that it passed', async () => {
  await openTrace(readSample('dnat-outside'));
  const map = page.locator('svg.picture');
  const shown = (await map.locator('text').allTextContents()).join('\n');
  for (const word of ['docker0', 'redis', 'published 0.0.0.0:8080']) assert.match(shown, word);
  await page
    .locator('g.row', { hasText: /^.*SYN/ })
    .first()
    .hover();
  const marks = await map.locator('.lit-place').all();
  const lit = (
    await Promise.all(marks.map(async (mark) => mark.getAttribute('data-places')))
  ).join();
  for (const device of ['docker0', 'veth', 'eth0']) assert.match(lit, device);
  assertQuiet();
});

/** The same with markup, a quote, a control and a character that turns the direction in front of every name. */
function makeHostile(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    return key === 'name' ? `<img src=x onerror=alert(1)>"'&\u0007\u202e${value}` : value;
  }
  if (Array.isArray(value)) return value.map((item) => makeHostile(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, makeHostile(item, name)]),
  );
}

function readMap(): Explanation {
  const url = new URL('../../../test/render/fixtures/explain.json', import.meta.url);
  return explanationSchema.parse(JSON.parse(readFileSync(url, 'utf8')));
}

test.run();
