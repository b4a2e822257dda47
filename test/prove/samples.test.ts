/** Every sample: the verdict is the truth, and the documents and pictures are the golden ones. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { reportSchema } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderJson } from '../../src/render/json.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { compareGolden } from '../support/golden.js';
import { readSample, truthOf, TRUTHS } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('samples');

test('there is a truth for every recording, and a recording for every truth', () => {
  const folder = fileURLToPath(new URL('../../../samples', import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith('.ndjson'));
  assert.equal(files.map((file) => file.replace('.ndjson', '')).sort(), Object.keys(TRUTHS).sort());
});

for (const name of Object.keys(TRUTHS)) {
  test(`${name}: true, and proven as far as it shows`, () => {
    const report = analyse(readSample(name));
    assert.ok(report.connections.length > 0);
    for (const one of report.connections) {
      const { path, outcome, hook, proof = 'proven' } = truthOf(name, one);
      assert.is(one.path, path, one.reason);
      assert.is(one.proof, proof, one.reason);
      assert.is(one.outcome, outcome);
      assert.is(one.nat?.hook ?? null, hook);
    }
  });

  test(`${name}: golden documents and pictures`, async () => {
    const report = analyse(readSample(name));
    reportSchema.parse(report);
    const differences = [
      compareGolden(`samples/${name}.json`, renderJson(report)),
      compareGolden(`samples/${name}.txt`, renderTerminal(report, { columns: 80 })),
      compareGolden(`samples/${name}.svg`, await renderSvg(report)),
      compareGolden(`samples/${name}.mmd`, renderMermaid(report)),
    ].filter((difference) => difference !== null);
    assert.equal(differences, []);
  });

  test(`${name}: written and read again it is the same recording`, () => {
    const trace = readSample(name);
    assert.equal(parseRecording(formatRecording(trace), name), trace);
  });
}

test('an address that was another container’s before: the name is of the one that the packet entered', () => {
  for (const name of ['dnat-outside', 'proxy-loopback']) {
    const { header, ...trace } = readSample(name);
    const { topology } = header;
    const earlier = topology.containers.map((one) => ({
      ...one,
      id: 'e',
      name: 'near',
      namespace: 1,
    }));
    const containers = [...earlier, ...topology.containers];
    const report = analyse({
      ...trace,
      header: { ...header, topology: { ...topology, containers } },
    });
    const told = report.connections.map(({ container }) => container?.name);
    assert.equal(
      told,
      analyse(readSample(name)).connections.map(({ container }) => container?.name),
    );
    assert.ok(told.length > 0 && !told.includes('near'), told.join());
  }
});

test.run();
