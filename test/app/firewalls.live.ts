/** Predictions against real connections where another program's rules are loaded beside the engine's. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { Stage } from '../support/attempts.js';
import { compare, look, pathOf, prepare } from '../support/predicted.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('firewalls, live');
test.skipUnless(findLiveObstacle('conntrack'));

const FOLDER = fileURLToPath(new URL('../../../test/app/firewalls/', import.meta.url));

interface Expectation {
  readonly port: number;
  /** Ways that are not predicted, at most. */
  readonly unknown: number;
  readonly paths: Readonly<Record<string, string>>;
}

const EXPECTED: Readonly<Record<string, Expectation>> = {
  'csf.iptables': {
    port: 6379,
    unknown: 12,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'other-bridge: container far → 198.51.100.1:6379': 'dropped',
    },
  },
  'firewalld.iptables': {
    port: 6379,
    unknown: 1,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'dropped',
    },
  },
  'firewalld.nft': {
    port: 6379,
    unknown: 0,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'refused',
    },
  },
  'fw4.nft': {
    port: 6379,
    unknown: 21,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
    },
  },
  'kube-proxy.iptables': {
    port: 30079,
    // Chance decides whether one of the Service's own pods gets itself or the other, and only one of these works.
    unknown: 2,
    paths: {
      'outside: outside → 198.51.100.1:30079': 'dnat',
      'loopback: host → 127.0.0.1:30079': 'dropped',
    },
  },
  'kube-proxy.nft': {
    port: 30079,
    // Chance decides whether one of the Service's own pods gets itself or the other, and only one of these works.
    unknown: 2,
    paths: {
      'outside: outside → 198.51.100.1:30079': 'dnat',
      'loopback: host → 127.0.0.1:30079': 'refused',
    },
  },
  'libvirt.iptables': {
    port: 6379,
    unknown: 0,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'docker-proxy',
    },
  },
  'proxmox.iptables': {
    port: 6379,
    unknown: 0,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'docker-proxy',
    },
  },
  'ufw.iptables': {
    port: 6379,
    unknown: 0,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'dropped',
    },
  },
  'wireguard-tailscale.iptables': {
    port: 6379,
    unknown: 1,
    paths: {
      'outside: outside → 198.51.100.1:6379': 'dnat',
      'loopback: host → 127.0.0.1:6379': 'docker-proxy',
      'other-bridge: container far → 198.51.100.1:6379': 'docker-proxy',
    },
  },
};

let stage: Stage;
let saved: string;

test.before(async () => {
  stage = await prepare(true);
  saved = (await stage.lab.exec('host', ['iptables-save'])).stdout;
});

test.after(async () => {
  await stage.lab.down();
});

const files = readdirSync(FOLDER);
assert.equal(files.toSorted(), Object.keys(EXPECTED).toSorted());

for (const file of files) {
  test(`${file}: no way goes otherwise than predicted`, async () => {
    const { lab } = stage;
    const { port, unknown, paths } = EXPECTED[file] ?? { port: 0, unknown: 0, paths: {} };
    const input = readFileSync(`${FOLDER}${file}`, 'utf8');
    const load = file.endsWith('.nft') ? ['nft', '-f', '-'] : ['iptables-restore', '--noflush'];
    try {
      await lab.exec('host', load, { input });
      const explanation = await look(stage, port);
      assert.equal(explanation.problems, []);
      const found = await compare(stage, explanation, { open: true });
      for (const [way, path] of Object.entries(paths)) assert.is(pathOf(found, way), path, way);
      const open = [...found].filter(([, path]) => path === 'unknown').map(([way]) => way);
      assert.ok(open.length <= unknown, `${open.length} of ${found.size}: ${open.join('; ')}`);
    } finally {
      await lab.exec('host', ['nft', 'flush', 'ruleset']);
      await lab.exec('host', ['iptables-restore'], { input: saved });
    }
  });
}

test.run();
