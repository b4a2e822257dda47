/** The manifest, the units and the page for fleets: valid by Kubernetes' published schema and by systemd, and true of the program. */
import { execa } from 'execa';
import { DaemonSet } from 'kubernetes-models/apps/v1';
import { Namespace } from 'kubernetes-models/v1';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { INSTRUMENTS } from '../../src/render/otlp/measures.js';
import { ATTR } from '../../src/render/otlp/names.js';
import { suite } from '../support/suite.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = join(ROOT, 'bin/run.js');
const test = suite('docs: fleets');

type ShapeOf<T> = T extends new (data: infer Data) => unknown ? Data : never;
type DaemonSetShape = NonNullable<ShapeOf<typeof DaemonSet>>;

function readDoc(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8');
}

function readManifest(): [object, DaemonSetShape] {
  const documents = parseAllDocuments(readDoc('trace-flow-daemonset.yaml'));
  if ('empty' in documents) throw new Error('the manifest is empty');
  return documents.map((one) => one.toJS() as object) as [object, DaemonSetShape];
}

/** What the program says against these flags; null where it takes them, and then fails for want of a namespace or of rights. */
async function refusesFlags(args: readonly string[]): Promise<string | null> {
  const { exitCode, stderr } = await execa(
    process.execPath,
    [PROGRAM, ...args, '--netns', '/nonexistent'],
    { reject: false },
  );
  const took = stderr.includes('no network namespace "/nonexistent"');
  return exitCode === 2 && !took ? stderr : null;
}

test('the manifest is valid by the published schema of Kubernetes', () => {
  const [namespace, daemonSet] = readManifest();
  for (const model of [new Namespace(namespace), new DaemonSet(daemonSet)]) {
    model.validate();
  }
  assert.is(daemonSet.metadata?.namespace, new Namespace(namespace).metadata?.name);
  const { selector, template } = daemonSet.spec ?? {};
  assert.equal(selector?.matchLabels, template?.metadata?.labels);
});

test('a manifest that is wrong is told: the check bites', () => {
  const [, daemonSet] = readManifest();
  const broken = structuredClone(daemonSet) as unknown as { spec: { template: { spec: object } } };
  Object.assign(broken.spec.template.spec, { hostPID: 'yes' });
  assert.throws(() => new DaemonSet(broken as unknown as DaemonSetShape).validate(), /hostPID/);
});

test('the flags of the manifest and of the units are flags of the program', async () => {
  const [, daemonSet] = readManifest();
  const args = daemonSet.spec?.template.spec?.containers[0]?.args ?? [];
  assert.ok(args.includes('--quiet'));
  assert.is(await refusesFlags(args), null);
  assert.match((await refusesFlags([...args, '--quite'])) ?? '', /quiet/);
  const unit = /^ExecStart=\S+ (.*)$/m.exec(readDoc('trace-flow-otlp@.service'))?.[1] ?? '';
  const words = unit.replace(/\$\{OTLP_URL\}/, 'http://localhost:4318').replaceAll('%i', '6379');
  assert.is(await refusesFlags(words.split(' ')), null);
});

test('systemd finds no fault with the units', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-units-'));
  try {
    for (const name of ['trace-flow@', 'trace-flow-otlp@']) {
      const unit = join(folder, `${name}6379.service`);
      await cp(join(ROOT, 'docs', `${name}.service`), unit);
      // It looks for the program.
      const text = readFileSync(unit, 'utf8').replaceAll('/usr/local/bin/trace-flow', '/bin/true');
      await writeFile(unit, text);
      const { exitCode, all } = await execa('systemd-analyze', ['verify', unit], {
        reject: false,
        all: true,
      });
      if (exitCode === undefined) return; // there is no systemd on this machine
      assert.not.match(all, new RegExp(`${name}`), all);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('every metric and attribute is on the page', () => {
  const page = readDoc('fleets.md');
  const told = [...page.matchAll(/`([a-z_.{},*]+)`/g)].map(([, name = '']) => name);
  const tells = (name: string): boolean => {
    const short = name.replace(/^trace_flow(\.connection)?(?=\.)/, '');
    const groups = name.split('.').map((_, at, parts) => `${parts.slice(0, at).join('.')}.*`);
    const all = [name, short, name.replace(/^trace_flow/, ''), ...groups];
    return told.some((one) => all.includes(one) || groups.includes(`trace_flow${one}`));
  };
  for (const { name } of Object.values(INSTRUMENTS)) assert.ok(tells(name), name);
  assert.equal(
    Object.values(ATTR).filter((name) => !tells(name)),
    [],
  );
  assert.not.ok(tells('trace_flow.no_such'));
});

test.run();
