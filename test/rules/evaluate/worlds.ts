/** The host of the recorded rule sets, as the lab made it. */
import { readdirSync, readFileSync } from 'node:fs';
import { parseNft } from '../../../src/rules/read/nft.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { NO_RULES, type RuleSet } from '../../../src/model/rules.js';
import type { Prediction } from '../../../src/model/explain.js';
import { predictWays } from '../../../src/rules/evaluate/predict.js';
import { writeForecast } from '../../../src/words/predictions/forecast.js';
import type { WayIn } from '../../../src/rules/evaluate/vantages.js';
import type { World, WorldSocket } from '../../../src/rules/evaluate/world.js';

export function readRules(name: string): string {
  // Compiled tests run from dist/test/rules/evaluate.
  const url = new URL(`../../../../test/rules/fixtures/${name}`, import.meta.url);
  return readFileSync(url, 'utf8');
}

/** Names of all recorded rule sets. */
export function listRuleSets(): string[] {
  const folder = new URL('../../../../test/rules/fixtures/', import.meta.url);
  return readdirSync(folder).filter((name) => /\.(iptables|nft|json)$/.test(name));
}

export function loadRules(name: string): RuleSet {
  const text = readRules(name);
  return name.endsWith('.iptables') ? parseSaved(text, name) : parseNft(text, name);
}

export const FAR_BRIDGE = 'br-112233445566';

export function redis(address = '0.0.0.0', port = 6379): WorldSocket {
  return { protocol: 'tcp', address, port, pid: 20, command: 'redis-server' };
}

/** @param proxy whether docker-proxy runs; off, loopback may be routed to the bridges as Docker sets it then. */
export function makeWorld(rules: RuleSet, proxy: boolean, change: Partial<World> = {}): World {
  const target = { address: '172.17.0.2', port: 6379 };
  const relay = (pid: number, address: string): World['relays'][number] => ({
    pid,
    command: 'docker-proxy',
    protocol: 'tcp',
    listens: { address, port: 6379 },
    target,
  });
  const relays = proxy ? [relay(10, '0.0.0.0'), relay(11, '::')] : [];
  return {
    rules,
    devices: [
      { name: 'lo', kind: 'loopback', networks: ['127.0.0.1/8', '::1/128'] },
      { name: 'ext0', kind: 'outside', networks: ['198.51.100.1/24'] },
      { name: 'docker0', kind: 'bridge', networks: ['172.17.0.1/16'] },
      { name: FAR_BRIDGE, kind: 'bridge', networks: ['172.30.0.1/16'] },
    ],
    routes: [],
    sockets: relays.map(({ pid, command, protocol, listens }) => ({
      protocol,
      pid,
      command,
      address: listens.address,
      port: listens.port,
    })),
    relays,
    containers: [
      { name: 'redis', places: [{ bridge: 'docker0', address: '172.17.0.2' }], sockets: [redis()] },
      { name: 'other', places: [{ bridge: 'docker0', address: '172.17.0.4' }], sockets: [] },
      { name: 'far', places: [{ bridge: FAR_BRIDGE, address: '172.30.0.2' }], sockets: [] },
    ],
    settings: {
      forward4: true,
      forward6: false,
      bridgeCalls4: true,
      bridgeCalls6: true,
      routeLocalnet: proxy ? [] : ['docker0', FAR_BRIDGE],
    },
    userlandProxy: proxy,
    published: [{ protocol: 'tcp', address: '0.0.0.0', port: 6379 }],
    measured: true,
    ...change,
  };
}

export const NOTHING = NO_RULES;

/** Predictions in the words of a document. */
export function predictInWords(...parameters: Parameters<typeof predictWays>): Prediction[] {
  return predictWays(...parameters).predictions.map(writeForecast);
}

export function predictRedis(world: World, change: Partial<WayIn> = {}): readonly Prediction[] {
  return predictInWords(world, [
    {
      mapping: {
        protocol: 'tcp',
        listens: { address: '0.0.0.0', port: 6379 },
        target: { address: '172.17.0.2', port: 6379 },
      },
      container: world.containers[0] ?? null,
      client: null,
      ...change,
    },
  ]);
}

/** `vantage from → path` of every prediction, for comparison. */
export function summarize(predictions: readonly Prediction[]): Record<string, string> {
  return Object.fromEntries(
    predictions.map(({ vantage, from, to, path, sourceSeen }) => [
      `${vantage}: ${from} → ${to}`,
      sourceSeen === null ? path : `${path}, seen as ${sourceSeen}`,
    ]),
  );
}
