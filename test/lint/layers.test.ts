/**
 * The lint rules that hold the architecture do report: layers, purity, cycles, forgotten promises, uvu's own `suite`.
 */
import { ESLint } from 'eslint';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const withTypes = new ESLint({ cwd: PROJECT });
const withoutTypes = new ESLint({
  cwd: PROJECT,
  overrideConfig: [tseslint.configs.disableTypeChecked],
});

/** @returns the rules that TEXT breaks if it stood in FILE, which need not exist. */
async function findBroken(file: string, text: string, eslint = withoutTypes): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: `${PROJECT}${file}` });
  const rules = (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
  return [...new Set(rules)].sort();
}

const test = suite('lint');

const PATHS = 'import-x/no-restricted-paths';
const SYNTAX = 'no-restricted-syntax';
const BUILTIN = 'import-x/no-nodejs-modules';

/** A template with a number between two texts. */
const writeTemplate = (before: string, after: string): string =>
  `export const text = \`${before}\${1}${after}\`;`;

const BREAKING: [file: string, line: string, rule: string][] = [
  ['src/model/x.ts', "import '../cli/route.js';", PATHS],
  ['src/model/x.ts', "import 'execa';", PATHS],
  ['src/model/x.ts', "export { Command } from '@oclif/core';", PATHS],
  ['src/model/x.ts', "export const load = () => import('d3-node');", PATHS],
  ['src/model/x.ts', "export type { Parser } from 'pcap-parser';", PATHS],
  ['src/model/x.ts', "import 'node:fs';", BUILTIN],
  ['src/decode/x.ts', "import 'fs';", BUILTIN],
  ['src/decode/x.ts', "export const load = () => import('node:os');", BUILTIN],
  ['src/decode/tcp/x.ts', "import '../../cli/route.js';", PATHS],
  ['src/correlate/x.ts', 'export const now = performance.now();', 'no-restricted-globals'],
  ['src/prove/x.ts', 'export const path = process.env;', 'no-restricted-globals'],
  ['src/rules/read/x.ts', "import 'node:fs';", BUILTIN],
  ['src/rules/read/x.ts', "import '../../host/links.js';", PATHS],
  ['src/rules/read/x.ts', "import '../evaluate/world.js';", PATHS],
  ['src/rules/evaluate/x.ts', "import '../read/nft.js';", PATHS],
  ['src/rules/evaluate/x.ts', "import '../explain/concerned-rules.js';", PATHS],
  ['src/rules/explain/x.ts', "import '../findings/findings.js';", PATHS],
  ['src/render/layout.ts', "import 'd3-node';", PATHS],
  ['src/render/layout/x.ts', "import 'node:path';", BUILTIN],
  ['src/render/x.ts', "import '../cli/route.js';", PATHS],
  ['src/host/x.ts', "import '../cli/route.js';", PATHS],
  ['src/capture/x.ts', "import '../cli/route.js';", PATHS],
  ['src/lab/x.ts', "import '../cli/route.js';", PATHS],
  ['src/app/x.ts', "import '../cli/route.js';", PATHS],
  ['src/app/x.ts', "process.stdout.write('');", 'no-restricted-properties'],
  ['src/app/x.ts', "import '../lab/index.js';", PATHS],
  ['src/host/x.ts', "import '../lab/index.js';", PATHS],
  ['src/prove/x.ts', "export const f = (why: string) => why.includes('x');", SYNTAX],
  ['src/render/x.ts', 'export const f = (a: { summary: string }) => /x/.test(a.summary);', SYNTAX],
  ['src/app/x.ts', "export const f = (a: { claim: string }) => a.claim.split(' ');", SYNTAX],
  ['src/prove/x.ts', "export const f = (a: { reason: string }) => a.reason.split(' ');", SYNTAX],
  ['src/rules/evaluate/x.ts', "export const why = 'nothing listens there';", SYNTAX],
  ['src/rules/findings/x.ts', writeTemplate('', ' is stopped'), SYNTAX],
  ['src/rules/explain/x.ts', "export const more = ', and so on';", SYNTAX],
  ['src/prove/x.ts', writeTemplate('container ', ''), SYNTAX],
  ['src/cli/x.ts', "import '../../test/support/live.js';", PATHS],
  ['test/x.test.ts', "import { suite } from 'uvu';\nsuite('x').run();", 'no-restricted-imports'],
];

for (const [file, line, rule] of BREAKING) {
  test(`forbids in ${file}: ${line}`, async () => {
    assert.equal(await findBroken(file, line), [rule]);
  });
}

const ALLOWED: [file: string, line: string][] = [
  ['src/model/x.ts', "import 'zod';\nimport './errors.js';"],
  ['src/decode/x.ts', "import '../model/errors.js';"],
  ['src/app/demo.ts', "import '../lab/index.js';"],
  ['src/app/doctor.ts', "import '../lab/index.js';"],
  ['src/prove/x.ts', "export const f = (a: { reason: string }) => a.reason.startsWith('TCP_');"],
  ['src/rules/evaluate/x.ts', "export const f = () => new RangeError('no route is there');"],
  [
    'src/rules/evaluate/x.ts',
    "export const CODES = ['no-route', 'rp-filter', 'NETFILTER_DROP', ', '];",
  ],
  ['src/rules/evaluate/routing/ip-text.ts', writeTemplate('from ', '')],
  ['src/words/x.ts', "export const why = 'nothing listens there';"],
  [
    'src/rules/findings/x.ts',
    "import '../evaluate/world.js';\nimport '../explain/concerned-rules.js';",
  ],
  ['src/render/x.ts', "import 'd3-node';\nimport 'node:fs';\nimport '../model/errors.js';"],
  ['src/host/x.ts', "import 'execa';\nimport 'node:fs';\nimport '../model/errors.js';"],
  ['src/commands/x.ts', "import '../cli/command.js';\nprocess.stdout.write('');"],
  ['test/x.test.ts', "import '../src/cli/route.js';\nimport 'node:fs';\nimport 'uvu/assert';"],
];

for (const [file, lines] of ALLOWED) {
  test(`allows in ${file}: ${lines.replaceAll('\n', ' ')}`, async () => {
    assert.equal(await findBroken(file, lines), []);
  });
}

test('knows every folder of src as a layer', async () => {
  const config = (await withoutTypes.calculateConfigForFile(`${PROJECT}src/x.ts`)) as {
    rules: Record<string, [number, { zones: { target: string | string[] }[] }]>;
  };
  const targets = config.rules[PATHS]?.[1].zones.flatMap(({ target }) => target);
  for (const entry of readdirSync(`${PROJECT}src`, { withFileTypes: true })) {
    if (entry.name === 'README.md') continue;
    assert.ok(entry.isDirectory(), `src/${entry.name} belongs into a folder`);
    assert.ok(targets?.includes(`./src/${entry.name}`), `eslint.config.js: src/${entry.name}?`);
  }
});

test('finds a cycle of imports', async () => {
  const cycle = "import { TraceFlowCommand } from './command.js';\nexport { TraceFlowCommand };";
  assert.equal(await findBroken('src/cli/failure.ts', cycle), ['import-x/no-cycle']);
});

test('finds a promise that nobody waits for', async () => {
  const text = 'async function later() {\n  await Promise.resolve();\n}\nlater();\n';
  const broken = await findBroken('src/cli/route.ts', text, withTypes);
  assert.equal(broken, ['@typescript-eslint/no-floating-promises']);
});

test('no file of src imports itself by way of others, not even for a type', () => {
  const files = readdirSync(`${PROJECT}src`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${PROJECT}src/${name}`);
  const imports = new Map(
    files.map((file) => [
      file,
      [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)\.js'/g)].map(
        ([, path]) => `${resolve(dirname(file), path ?? '')}.ts`,
      ),
    ]),
  );
  assert.ok(files.length > 300);
  assert.is(findCycle(imports), null);
  const [first = '', second = ''] = files;
  assert.is.not(
    findCycle(
      new Map([
        [first, [second]],
        [second, [first]],
      ]),
    ),
    null,
    'it finds one',
  );
});

/** A way from a file back to itself, or null. */
function findCycle(imports: ReadonlyMap<string, readonly string[]>): string | null {
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): string | null => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(' → ');
    if (done.has(file)) return null;
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...way, file]);
      if (found !== null) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of imports.keys()) {
    const found = visit(file, []);
    if (found !== null) return found;
  }
  return null;
}

test.run();
