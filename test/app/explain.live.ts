/** Predictions against real connections: every vantage, on the engine's own rules and on those of later versions. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { compare, FAR_BRIDGE, look, pathOf, prepare, withStage } from '../support/predicted.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('explain, live');
test.skipUnless(findLiveObstacle('conntrack'));

test('Docker 20.10 with docker-proxy: every vantage, and then faults one after the other', () =>
  withStage(prepare(true), async (stage) => {
    const { lab } = stage;
    const inHost = (...command: string[]): Promise<unknown> => lab.exec('host', command);
    const found = await compare(stage, await look(stage, 6379));
    // 14 ways to each of the ports that lead to a 6379: 6379, 6390 and 6395.
    assert.is(found.size, 42);
    assert.is(pathOf(found, 'outside: outside → 198.51.100.1:6379'), 'dnat');
    assert.is(pathOf(found, 'loopback:'), 'docker-proxy');
    assert.is(pathOf(found, 'own-address: host → 198.51.100.1:6379'), 'dnat');
    assert.is(pathOf(found, 'loopback6:'), 'docker-proxy');
    assert.is(pathOf(found, 'same-bridge'), 'docker-proxy');
    assert.is(pathOf(found, 'self'), 'docker-proxy');
    assert.is(pathOf(found, 'other-bridge'), 'docker-proxy');
    assert.is(pathOf(found, 'container-address: container far'), 'dropped');
    assert.is(pathOf(found, 'outside: outside → 198.51.100.1:6390'), 'refused');
    assert.is(pathOf(found, 'outside: outside → 198.51.100.1:6395'), 'refused');

    const udp = await compare(stage, await look(stage, 5300));
    assert.is(pathOf(udp, 'outside: outside → 198.51.100.1'), 'dnat');
    assert.is(pathOf(udp, 'loopback:'), 'docker-proxy');

    const shut = await look(stage, 6390);
    assert.ok(shut.findings.some(({ code }) => code === 'published-on-loopback'));
    const deaf = await look(stage, 6395);
    assert.ok(deaf.findings.some(({ code }) => code === 'listens-on-loopback'));

    const wall = ['-i', 'ext0', '-p', 'tcp', '--dport', '6379', '-j', 'DROP'];
    await inHost('iptables', '-I', 'DOCKER-USER', ...wall);
    const walled = await look(stage, 6379);
    assert.is(pathOf(await compare(stage, walled), 'outside: outside → 198.51.100.1'), 'dropped');
    assert.ok(walled.findings.some(({ code }) => code === 'firewall-drop'));
    await inHost('iptables', '-D', 'DOCKER-USER', '1');

    await inHost('sysctl', '-qw', 'net.ipv4.ip_forward=0');
    const still = await look(stage, 6379);
    assert.is(pathOf(await compare(stage, still), 'outside: outside → 198.51.100.1'), 'dropped');
    assert.ok(still.findings.some(({ code }) => code === 'ip-forward-off'));
    await inHost('sysctl', '-qw', 'net.ipv4.ip_forward=1');

    // Both backends at once: the packet meets the rules of iptables-legacy too, which nft does not show.
    await inHost('iptables-legacy', '-A', 'FORWARD', ...wall);
    const both = await look(stage, 6379);
    assert.is(pathOf(await compare(stage, both), 'outside: outside → 198.51.100.1'), 'dropped');
    assert.ok(both.findings.some(({ code }) => code === 'two-backends'));
    await inHost('iptables-legacy', '-F', 'FORWARD');

    const saved = await lab.exec('host', ['iptables-save', '-t', 'nat']);
    await inHost('iptables', '-t', 'nat', '-F');
    const flushed = await look(stage, 6379);
    const fallen = await compare(stage, flushed);
    assert.is(pathOf(fallen, 'outside: outside → 198.51.100.1:6379'), 'docker-proxy');
    assert.ok(flushed.findings.some(({ code }) => code === 'docker-chains-missing'));
    assert.ok(flushed.findings.some(({ code }) => code === 'source-lost'));
    await lab.exec('host', ['iptables-restore'], { input: saved.stdout });

    for (const { pid } of (await look(stage, 6379)).relays) process.kill(pid, 'SIGKILL');
    const dead = await compare(stage, await look(stage, 6379));
    assert.is(pathOf(dead, 'loopback:'), 'refused');
    assert.is(pathOf(dead, 'outside: outside → 198.51.100.1:6379'), 'dnat');
  }));

test('Docker 20.10 without docker-proxy', () =>
  withStage(prepare(false), async (stage) => {
    const found = await compare(stage, await look(stage, 6379, 5300));
    const loopback = 'loopback: host → 127.0.0.1:6379';
    assert.is(pathOf(found, loopback), 'dnat');
    assert.is(pathOf(found, 'loopback6:'), 'refused');
    assert.is(pathOf(found, 'other-bridge: container far → 198.51.100.1:6379'), 'dropped');
    await stage.lab.exec('host', ['sysctl', '-qw', 'net.ipv4.conf.docker0.route_localnet=0']);
    assert.is(pathOf(await compare(stage, await look(stage, 6379)), loopback), 'dropped');
  }));

/** The rules for redis once more for udp: another protocol, port and container. */
function addUdp(text: string): string {
  const again = (line: string): string =>
    line
      .replace(/\btcp\b/g, 'udp')
      .replace(/\b6379\b/g, '5300')
      .replaceAll('172.17.0.2', '172.17.0.5');
  return text
    .split('\n')
    .flatMap((line) => (/172\.17\.0\.2\b/.test(line) ? [line, again(line)] : [line]))
    .join('\n');
}

for (const proxy of [true, false]) {
  const name = proxy ? 'proxy' : 'no-proxy';
  test(`the rules of Docker 28 and 29, loaded beside a real engine, ${name}`, () =>
    withStage(prepare(proxy, ['--iptables=false']), async (stage) => {
      const { lab } = stage;
      const set = (setting: string): Promise<unknown> =>
        lab.exec('host', ['sysctl', '-qw', setting]);
      await set('net.ipv4.ip_forward=1');
      for (const bridge of proxy ? [] : ['docker0', FAR_BRIDGE]) {
        await set(`net.ipv4.conf.${bridge}.route_localnet=1`);
      }
      for (const [era, kind] of [
        ['docker-28', 'iptables'],
        ['docker-29', 'iptables'],
        ['docker-29', 'nft'],
      ] as const) {
        const file = new URL(
          `../../../test/rules/fixtures/${era}-${name}.${kind}`,
          import.meta.url,
        );
        const input = addUdp(readFileSync(file, 'utf8'));
        await lab.exec('host', ['nft', 'flush', 'ruleset']);
        const load = kind === 'nft' ? ['nft', '-f', '-'] : ['iptables-restore'];
        await lab.exec('host', load, { input });
        const explanation = await look(stage, 6379, 5300);
        assert.is(explanation.engine?.firewall, kind === 'nft' ? 'nftables' : 'iptables');
        assert.is(explanation.engine?.userlandProxy, proxy);
        const found = await compare(stage, explanation);
        const loopback = 'loopback: host → 127.0.0.1:6379';
        assert.is(pathOf(found, loopback), proxy ? 'docker-proxy' : 'dnat');
        assert.is(pathOf(found, 'container-address: outside → 172.17.0.2'), 'dropped');
        assert.is(pathOf(found, 'outside: outside → 198.51.100.1:5300'), 'dnat');
      }
    }));
}

test.run();
