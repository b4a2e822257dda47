/** Arbitrary reports: no renderer throws, no line is too wide, and no text acts on a terminal or a page. */
import fc from 'fast-check';
import stringWidth from 'string-width';
import * as assert from 'uvu/assert';
import { stripVTControlCharacters } from 'node:util';
import { reportSchema } from '../../src/model/report.js';
import { renderHtml } from '../../src/render/html/html.js';
import { renderJson } from '../../src/render/json.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { printable } from '../../src/render/text.js';
import { suite } from '../support/suite.js';
import { anyReport } from './arbitrary.js';

const test = suite('render: properties');

/** Controls, format characters, unpaired surrogates, marks, and scripts from right to left. */
const ACTIVE = /[\p{C}\p{M}\p{Zl}\p{Zp}\u0590-\u08ff]/u;

test('terminal: never wider than asked, nothing active in it', () => {
  fc.assert(
    fc.property(anyReport, fc.integer({ min: 20, max: 200 }), (report, columns) => {
      for (const line of renderTerminal(report, { columns }).split('\n')) {
        assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} > ${columns}: ${line}`);
        assert.not.match(line, ACTIVE);
      }
    }),
    { numRuns: 400 },
  );
});

test('terminal: colour changes nothing but the colour', () => {
  fc.assert(
    fc.property(anyReport, (report) => {
      const plain = renderTerminal(report);
      assert.is(stripVTControlCharacters(renderTerminal(report, { color: true })), plain);
    }),
    { numRuns: 100 },
  );
});

test('mermaid: every line is one of ours', () => {
  const line =
    /^(sequenceDiagram| {2}title .*| {2}box transparent .+| {2}end| {4}participant p\d+ as .+| {2}participant p1 as nothing seen| {2}p\d+(->>|-->>|-x)p\d+: .*| {2}Note over p\d+(,p\d+)?: .*)$/;
  const safe = /^[A-Za-z0-9 ._()/:,[\]→←–…·µ#;<>-]*$/;
  fc.assert(
    fc.property(anyReport, (report) => {
      for (const text of renderMermaid(report).trimEnd().split('\n')) {
        assert.match(text, line);
        assert.match(text, safe);
      }
    }),
    { numRuns: 300 },
  );
});

test('svg: well formed, without scripts, handlers and references', async () => {
  const { D3Node } = await import('d3-node');
  const { window } = new D3Node();
  await fc.assert(
    fc.asyncProperty(anyReport, async (report) => {
      const svg = await renderSvg(report);
      const parsed = new window.DOMParser().parseFromString(svg, 'application/xml');
      assert.is(parsed.documentElement.tagName, 'svg', svg.slice(0, 300));
      for (const element of parsed.querySelectorAll('*')) {
        assert.ok(ELEMENTS.has(element.tagName), element.tagName);
        for (const name of element.getAttributeNames()) {
          assert.not.match(name, /^on|href|src/i);
          assert.not.match(element.getAttribute(name) ?? '', /NaN|undefined|Infinity/);
        }
      }
      assert.not.match(svg.replaceAll('\n', ''), ACTIVE);
    }),
    { numRuns: 40 },
  );
});

test('html: the report is in it as data, and no name opens or ends an element', async () => {
  await fc.assert(
    fc.asyncProperty(anyReport, async (report) => {
      const html = await renderHtml(report, null);
      assert.is(html.match(/<script/gi)?.length, 3);
      assert.is(html.match(/<\/script/gi)?.length, 3);
      assert.not.match(html, '<!--');
      const [, data = ''] =
        /<script type="application\/json" id="report">(.*)<\/script>/.exec(html) ?? [];
      assert.equal(JSON.parse(data), JSON.parse(JSON.stringify(report)));
      assert.not.match(data, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
    { numRuns: 60 },
  );
});

const ELEMENTS = new Set([
  'svg',
  'circle',
  'title',
  'desc',
  'style',
  'g',
  'rect',
  'line',
  'text',
  'polygon',
  'path',
]);

test('json: the same report, and nothing active in it', () => {
  fc.assert(
    fc.property(anyReport, (report) => {
      const text = renderJson(report);
      assert.equal(reportSchema.parse(JSON.parse(text)), JSON.parse(JSON.stringify(report)));
      assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    }),
    { numRuns: 200 },
  );
});

test('printable text stays as it is when it is made printable again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = printable(text);
      assert.is(printable(once), once);
      assert.not.match(once, ACTIVE);
    }),
    { numRuns: 2000 },
  );
});

test.run();
