/** Every fixture as terminal text, SVG and Mermaid, compared with its golden file; the fixtures follow the schema. */
import * as assert from 'uvu/assert';
import { reportSchema } from '../../src/model/report.js';
import { renderJson } from '../../src/render/json.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderSvg } from '../../src/render/svg/svg.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { suite } from '../support/suite.js';
import { FIXTURES } from './fixtures/index.js';
import { compareGolden } from '../support/golden.js';

const test = suite('render: golden');

for (const [name, make] of Object.entries(FIXTURES)) {
  test(`${name}: terminal`, () => {
    assert.is(compareGolden(`render/${name}.txt`, renderTerminal(make(), { columns: 80 })), null);
  });
  test(`${name}: svg`, async () => {
    assert.is(compareGolden(`render/${name}.svg`, await renderSvg(make())), null);
  });
  test(`${name}: mermaid`, () => {
    assert.is(compareGolden(`render/${name}.mmd`, renderMermaid(make())), null);
  });
  test(`${name}: follows the schema, and JSON keeps it`, () => {
    const report = make();
    const text = renderJson(report);
    assert.ok(text.endsWith('}\n'));
    assert.equal(reportSchema.parse(JSON.parse(text)), report);
  });
}

test.run();
