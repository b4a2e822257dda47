// Predictions against real connections: every vantage, on the engine's own rules and on those of later versions.

import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { explain } from '../../src/app/explain.js';
import { explanationSchema, type Explanation, type Prediction } from '../../src/model/explain.js';
import { REDIS, up, type Lab, type LabContainer } from '../../src/lab/index.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('explain, live');
test.skipUnless(findLiveObstacle());

const FAR_BRIDGE = 'br-112233445566';

interface Stage {
  readonly lab: Lab;
  readonly containers: ReadonlyMap<string, LabContainer>;
  readonly netns: string;
}

async function prepare(
  proxy: boolean,
  more: readonly string[] = [],
  command = REDIS,
): Promise<Stage> {
  const lab = await up({ userlandProxy: proxy, dockerdArguments: more });
  const create = ['network', 'create', '--subnet', '172.30.0.0/16'];
  await lab.docker([...create, '-o', `com.docker.network.bridge.name=${FAR_BRIDGE}`, 'far']);
  const run = [
    lab.run({
      name: 'redis',
      command,
      publish: ['6379:6379'],
      waitFor: command === REDIS ? undefined : false,
    }),
  ];
  await run[0];
  run.push(lab.run({ name: 'shut', command: REDIS, publish: ['127.0.0.1:6390:6379'] }));
  await run[1];
  run.push(lab.run({ name: 'other', command: ['sleep', '1000'] }));
  await run[2];
  run.push(lab.run({ name: 'far', command: ['sleep', '1000'], network: 'far' }));
  const containers = new Map((await Promise.all(run)).map((one) => [one.name, one]));
  const holder = lab.state.processes.find(({ role }) => role === 'host');
  return { lab, containers, netns: `/proc/${String(holder?.pid)}/ns/net` };
}

function look({ lab, netns }: Stage, port = 6379): Promise<Explanation> {
  return explain({ query: { ports: [port] }, netns, dockerHost: lab.dockerHost });
}

/** What really happens on the way that a prediction speaks of. */
async function attempt(
  stage: Stage,
  prediction: Prediction,
): Promise<{ end: string; seen: string | null; translated: boolean }> {
  const { lab, containers } = stage;
  const { from, to } = prediction;
  const name = /^container (.*)$/.exec(from)?.[1];
  const where =
    from === 'outside' ? 'client' : from === 'host' ? 'host' : containers.get(name ?? '');
  if (!where) throw new Error(`no place for ${from}`);
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(to) ?? [];
  const before = await countTranslations(stage);
  const result = await lab.exec(where, ['redis-cli', '-h', address, '-p', port, 'client', 'info'], {
    timeoutMs: 1500,
    allowFailure: true,
  });
  const translated = (await countTranslations(stage)) > before;
  const seen = /\baddr=\[?(.*?)\]?:\d+ /.exec(result.stdout)?.[1] ?? null;
  const said = `${result.stdout} ${result.stderr}`;
  const end =
    seen !== null
      ? 'answered'
      : result.exitCode === 124
        ? 'dropped'
        : /refused/.test(said)
          ? 'refused'
          : /reset|closed/.test(said)
            ? 'reset'
            : said;
  return { end, seen, translated };
}

/** Packets that rules for DNAT have counted: a second witness. */
async function countTranslations({ lab }: Stage): Promise<number> {
  const { stdout } = await lab.exec('host', ['nft', 'list', 'ruleset']);
  const counts = stdout.matchAll(/dport \d+ counter packets (\d+) bytes \d+ dnat/g);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Every prediction is tried, and what is seen must be what was said. */
async function compare(stage: Stage, explanation: Explanation): Promise<Map<string, string>> {
  explanationSchema.parse(explanation);
  const found = new Map<string, string>();
  for (const prediction of explanation.predictions) {
    const { path, way, from, to, sourceSeen, vantage, obstacles } = prediction;
    const key = `${vantage}: ${from} → ${to}`;
    const { end, seen, translated } = await attempt(stage, prediction);
    const told = `${key}: ${path} (${prediction.why}); seen ${end}, source ${seen ?? '-'}, translated ${String(translated)}`;
    assert.is.not(path, 'unknown', told);
    if (path === 'refused' || path === 'dropped') assert.is(end, path, told);
    else assert.is(end, obstacles.length > 0 ? 'reset' : 'answered', told);
    assert.is(translated, path === 'dnat' || way === 'dnat', told);
    if (seen !== null && sourceSeen !== null) assert.is(seen, sourceSeen, told);
    if (seen !== null && sourceSeen === null)
      assert.match(seen, /^198\.51\.100\.2$|^2001:db8:/, told);
    found.set(key, path);
  }
  return found;
}

async function withStage(
  stage: Promise<Stage>,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const ready = await stage;
  try {
    await body(ready);
  } finally {
    await ready.lab.down();
  }
}

function pathOf(found: Map<string, string>, beginning: string): string | undefined {
  return [...found].find(([key]) => key.startsWith(beginning))?.[1];
}

test('Docker 20.10 with docker-proxy: every vantage, and then faults one after the other', () =>
  withStage(prepare(true), async (stage) => {
    const { lab } = stage;
    const found = await compare(stage, await look(stage));
    assert.is(found.size, 28, '14 ways to each of the two ports that lead to a 6379');
    assert.is(pathOf(found, 'outside: outside → 198.51.100.1'), 'dnat');
    assert.is(pathOf(found, 'loopback:'), 'docker-proxy');
    assert.is(pathOf(found, 'own-address: host → 198.51.100.1'), 'dnat');
    assert.is(pathOf(found, 'loopback6:'), 'docker-proxy');
    assert.is(pathOf(found, 'same-bridge'), 'docker-proxy');
    assert.is(pathOf(found, 'self'), 'docker-proxy');
    assert.is(pathOf(found, 'other-bridge'), 'docker-proxy');
    assert.is(pathOf(found, 'container-address: container far'), 'dropped');

    const shut = await look(stage, 6390);
    assert.is(pathOf(await compare(stage, shut), 'outside: outside → 198.51.100.1'), 'refused');
    assert.ok(shut.findings.some(({ code }) => code === 'published-on-loopback'));

    await lab.exec('host', [
      'iptables',
      '-I',
      'DOCKER-USER',
      '-i',
      'ext0',
      '-p',
      'tcp',
      '--dport',
      '6379',
      '-j',
      'DROP',
    ]);
    const walled = await look(stage);
    assert.is(pathOf(await compare(stage, walled), 'outside: outside → 198.51.100.1'), 'dropped');
    assert.ok(walled.findings.some(({ code }) => code === 'firewall-drop'));
    await lab.exec('host', ['iptables', '-D', 'DOCKER-USER', '1']);

    await lab.exec('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
    const still = await look(stage);
    assert.is(pathOf(await compare(stage, still), 'outside: outside → 198.51.100.1'), 'dropped');
    assert.ok(still.findings.some(({ code }) => code === 'ip-forward-off'));
    await lab.exec('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);

    const relays = (await look(stage)).relays.map(({ pid }) => pid);
    for (const pid of relays) process.kill(pid, 'SIGKILL');
    const dead = await compare(stage, await look(stage));
    assert.is(pathOf(dead, 'loopback:'), 'refused');
    assert.is(pathOf(dead, 'outside: outside → 198.51.100.1'), 'dnat');
  }));

test('rules flushed: everything falls to docker-proxy', () =>
  withStage(prepare(true), async (stage) => {
    await stage.lab.exec('host', ['iptables', '-t', 'nat', '-F']);
    const flushed = await look(stage);
    assert.is(
      pathOf(await compare(stage, flushed), 'outside: outside → 198.51.100.1'),
      'docker-proxy',
    );
    assert.ok(flushed.findings.some(({ code }) => code === 'docker-chains-missing'));
    assert.ok(flushed.findings.some(({ code }) => code === 'source-lost'));
  }));

test('a container that listens on 127.0.0.1 only', () =>
  withStage(prepare(true, [], [...REDIS, '--bind', '127.0.0.1']), async (stage) => {
    const deaf = await look(stage);
    assert.ok(deaf.findings.some(({ code }) => code === 'listens-on-loopback'));
    assert.is(pathOf(await compare(stage, deaf), 'outside: outside → 198.51.100.1'), 'refused');
  }));

test('Docker 20.10 without docker-proxy', () =>
  withStage(prepare(false), async (stage) => {
    const found = await compare(stage, await look(stage));
    assert.is(pathOf(found, 'loopback:'), 'dnat');
    assert.is(pathOf(found, 'loopback6:'), 'refused');
    assert.is(pathOf(found, 'other-bridge'), 'dropped');
    await compare(stage, await look(stage, 6390));
    await stage.lab.exec('host', ['sysctl', '-qw', 'net.ipv4.conf.docker0.route_localnet=0']);
    assert.is(pathOf(await compare(stage, await look(stage)), 'loopback:'), 'dropped');
  }));

for (const era of ['docker-28', 'docker-29']) {
  for (const kind of ['iptables', 'nft']) {
    for (const proxy of [true, false]) {
      const file = `${era}-${proxy ? 'proxy' : 'no-proxy'}.${kind}`;
      if (file.startsWith('docker-28') && kind === 'nft') continue;
      test(`the rules of ${file}, loaded beside a real engine`, () =>
        withStage(prepare(proxy, ['--iptables=false']), async (stage) => {
          const { lab } = stage;
          const rules = readFileSync(
            new URL(`../../../test/prove/predict/fixtures/${file}`, import.meta.url),
            'utf8',
          );
          await lab.exec('host', kind === 'nft' ? ['nft', '-f', '-'] : ['iptables-restore'], {
            input: rules,
          });
          await lab.exec('host', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
          if (!proxy) {
            for (const bridge of ['docker0', FAR_BRIDGE]) {
              await lab.exec('host', ['sysctl', '-qw', `net.ipv4.conf.${bridge}.route_localnet=1`]);
            }
          }
          const explanation = await look(stage);
          assert.is(explanation.engine?.firewall, kind === 'nft' ? 'nftables' : 'iptables');
          assert.is(explanation.engine?.userlandProxy, proxy);
          const found = await compare(stage, explanation);
          assert.is(pathOf(found, 'loopback:'), proxy ? 'docker-proxy' : 'dnat');
          assert.is(pathOf(found, 'container-address: outside'), 'dropped');
          await compare(stage, await look(stage, 6390));
        }));
    }
  }
}

test.run();
