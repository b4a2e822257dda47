/** The Mermaid diagrams as Mermaid draws them: each renders with all its messages, and hostile names are text. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { findBrowser, startBrowser } from '../support/browser.js';
import { suite } from '../support/suite.js';

const test = suite('render: Mermaid in a browser');
const executable = findBrowser();
test.skipUnless(executable === null ? 'no Chromium on the PATH' : null, { optional: true });

/** What Mermaid made of a diagram, or what it said against it. */
interface Drawn {
  readonly trouble: string | null;
  /** The texts of arrows, and of everything. */
  readonly messages: readonly string[];
  readonly texts: readonly string[];
}

let browser: Browser | undefined;
let page: Page;
const noises: string[] = [];

test.before(async () => {
  browser = await startBrowser(executable);
  const context = await browser.newContext({ offline: true });
  page = await context.newPage();
  page.on('console', (message) => noises.push(message.text()));
  page.on('pageerror', (error) => noises.push(error.message));
  page.on('request', (request) => noises.push(request.url()));
  page.on('dialog', (dialog) => {
    noises.push(dialog.message());
    void dialog.dismiss();
  });
  await page.setContent('<main></main>');
  await page.addScriptTag({ path: fileURLToPath(import.meta.resolve('@mermaid-js/tiny')) });
  await page.evaluate("mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })");
});

test.after(async () => {
  await browser?.close();
});

async function draw(diagram: string): Promise<Drawn> {
  return page.evaluate<Drawn>(`(async () => {
    const all = (selector) => [...document.querySelectorAll('main ' + selector)].map((one) => one.textContent);
    try {
      document.querySelector('main').innerHTML = (await mermaid.render('diagram', ${JSON.stringify(diagram)})).svg;
      return { trouble: null, messages: all('.messageText'), texts: all('text') };
    } catch (error) {
      return { trouble: String(error), messages: [], texts: [] };
    }
  })()`);
}

for (const folder of ['samples', 'captures', 'render']) {
  test(`every diagram of ${folder} renders, with all its messages`, async () => {
    const golden = new URL(`../../../test/golden/${folder}/`, import.meta.url);
    const names = readdirSync(golden).filter((name) => /(?<!-changed)\.mmd$/.test(name));
    assert.ok(names.length > 0);
    for (const name of names) {
      const diagram = readFileSync(new URL(name, golden), 'utf8');
      const { trouble, messages, texts } = await draw(diagram);
      assert.is(trouble, null, name);
      const arrows = [...diagram.matchAll(/^ {2}p\d+(?:->>|-->>|-x)p\d+: (.*)$/gm)];
      assert.equal(
        messages,
        arrows.map(([, text = '']) => decode(text)),
        name,
      );
      const [, title = ''] = /^ {2}title (.*)$/m.exec(diagram) ?? [];
      assert.ok(texts.includes(decode(title)), `${name}: ${title}`);
    }
    assert.equal(noises, []);
  });
}

test('hostile names are text and nothing else', async () => {
  const url = new URL('../../../test/golden/render/hostile-names.mmd', import.meta.url);
  const { texts } = await draw(readFileSync(url, 'utf8'));
  assert.ok(texts.some((text) => text.includes('<script>alert(1)</script>')));
  assert.is(await page.locator('main :is(script, b, img, iframe)').count(), 0);
  assert.equal(noises, []);
});

test('what Mermaid does not understand is found', async () => {
  const { trouble } = await draw('sequenceDiagram\n  p1 => p2: x\n');
  assert.match(trouble ?? '', /Parse error/);
});

/** `#60;` is how Mermaid writes `<`. */
function decode(text: string): string {
  return text.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
}

test.run();
