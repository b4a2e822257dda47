/** A namespace has one name: that of the JSON document is in every picture and text, and no other. */
import * as assert from 'uvu/assert';
import { explainTraced } from '../../src/app/explain-host.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderHtml } from '../../src/render/html/html.js';
import { layOut } from '../../src/render/layout/layout.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('render: names of namespaces');

/** What stands between the marks of such a line. */
const listMatches = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, name = '']) => name)),
];

for (const sample of ['dnat-outside', 'proxy-same-bridge', 'relay-socat', 'host-chat']) {
  test(`${sample}: the same names in JSON, terminal, SVG, HTML, Mermaid and pcapng`, async () => {
    const trace = readSample(sample);
    const report = analyse(trace);
    // A container that nothing was seen in has no place.
    const known = new Set([
      ...report.places.map(({ namespace }) => namespace),
      ...report.connections.flatMap(({ container }) => container?.name ?? []),
    ]);
    const [panel] = layOut(report, { panels: 1 }).panels;
    const shown = panel?.ladder.groups.map(({ name }) => name) ?? [];
    const hops = report.connections.flatMap((connection) => connection.hops);
    assert.ok(shown.length > 1 || sample === 'host-chat', shown.join());
    for (const name of shown) assert.ok(known.has(name), `${name} is in places`);
    for (const { namespace } of hops) assert.ok(known.has(namespace), `${namespace} is in places`);

    const svg = await renderSvg(report);
    const titles = listMatches(svg, /font-size="13" class="f-ink strong"[^>]*>([^<]*)<\/text>/g);
    for (const name of shown) assert.ok(titles.includes(name), `${name} in SVG: ${titles.join()}`);
    const text = renderTerminal(report);
    const heads = listMatches(text, /─ ([^─\n]+) ─/g);
    for (const name of shown) assert.ok(heads.includes(name), `${name} in text: ${heads.join()}`);
    const mermaid = renderMermaid(report);
    const boxes = listMatches(mermaid, /^ {2}box transparent (.*)$/gm);
    for (const box of boxes) assert.ok(known.has(box), `${box} in Mermaid`);
    const [html, packets] = [
      await renderHtml(report, explainTraced(trace.header)),
      renderPcapng(report, trace),
    ];

    for (const name of known) {
      const other = new RegExp(`\\b(container|namespace|other|netns) ${name}\\b`);
      for (const output of [svg, text, mermaid, packets.toString('latin1')]) {
        assert.not.match(output, other);
      }
      assert.ok(html.includes(`:"${name}"`), `${name} in HTML`);
    }
  });
}

test.run();
