/**
 * Every sample capture: no verdict is wrong, what can be known is reported, and the documents equal the golden ones.
 */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { reportSchema, type Report } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderJson } from '../../src/render/json.js';
import { renderListing } from '../../src/render/terminal/listing.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { CAPTURES, captureFile, readBytes, readCapture } from '../support/captures.js';
import { compareGolden } from '../support/golden.js';
import { suite } from '../support/suite.js';

const test = suite('captures');

function countFound({ connections }: Report): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { path, proof, outcome } of connections) {
    const key = `${path}/${proof}/${outcome}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

for (const [name, { files, ports, found }] of Object.entries(CAPTURES)) {
  test(`${name}: true, and golden`, async () => {
    const report = analyse(await readCapture(files, ports));
    assert.equal(countFound(report), found);
    reportSchema.parse(report);
    const differences = [
      compareGolden(`captures/${name}.json`, renderJson(report)),
      compareGolden(`captures/${name}.txt`, renderTerminal(report, { columns: 80 })),
      compareGolden(`captures/${name}.svg`, await renderSvg(report)),
      compareGolden(`captures/${name}.mmd`, renderMermaid(report)),
    ].filter((difference) => difference !== null);
    assert.equal(differences, []);
  });
}

test('without a port: what is there, published ports first', async () => {
  const report = analyse(await readCapture(['mixed-20.pcap'], []));
  assert.equal(compareGolden('captures/listing.txt', renderListing(report.connections)), null);
});

test('cut off anywhere: no wrong path, and it is said where the file ends', async () => {
  const bytes = readFileSync(captureFile('mixed-20.pcap'));
  for (let length = 300; length < bytes.length; length += 1_511) {
    const trace = await readBytes(bytes.subarray(0, length), [6380, 6379]);
    const { connections, coverage } = analyse(trace);
    for (const { path, server, reason } of connections) {
      if (path === 'unknown') continue;
      const to = `${server?.address}:${server?.port}`;
      const truth = { '198.51.100.1:6380': 'dnat', '172.17.0.2:6379': 'direct' }[to] ?? 'relay';
      assert.is(path, truth, `${length} bytes: ${reason}`);
    }
    if (coverage.truncated) assert.match(coverage.notes[0] ?? '', /at byte \d+/);
  }
});

test.run();
