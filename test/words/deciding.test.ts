/** Names the rule or fact that decided, where the connection went as predicted. */
import * as assert from 'uvu/assert';
import type { Connection, Predicted } from '../../src/model/report.js';
import { writeDeciding, type Beyond } from '../../src/words/deciding.js';
import { suite } from '../support/suite.js';

const test = suite('deciding rules');

const SERVER = { address: '198.51.100.1', port: 8080 };
const AT = { backend: 'iptables-nft', family: 'ip', table: 'nat', chain: 'DOCKER' } as const;

function tell(
  change: Partial<Connection>,
  more: Partial<Predicted> = {},
  beyond: Partial<Beyond> = {},
): string | null {
  const none = { server: SERVER, outcome: 'answered', nat: null, relay: null };
  const connection = { path: 'dnat', ...none, ...change } as Connection;
  const predicted = {
    agrees: true,
    path: 'dnat',
    way: 'dnat',
    why: 'so it is',
    target: '172.17.0.2:6379',
    rule: '-A X',
    at: AT,
    ...more,
  } as Predicted;
  return writeDeciding(connection, predicted, { bridge: null, obstructed: false, ...beyond });
}

const RULE = 'the rule "-A X" (iptables-nft, table nat)';
const unnamed = { rule: null, at: null };

test('nothing is told where it came otherwise, or what was dialled is not known', () => {
  assert.is(tell({}, { agrees: false }), null);
  assert.is(tell({}, { agrees: null }), null);
  assert.is(tell({ server: null }), null);
});

test('a rule that rewrites: by name, with where it sends what was dialled', () => {
  assert.is(tell({}), `${RULE} sends 198.51.100.1:8080 to 172.17.0.2:6379 in NAT`);
  const nat = { hook: 'OUTPUT' } as Connection['nat'];
  assert.is(tell({ nat }), `${RULE} sends 198.51.100.1:8080 to 172.17.0.2:6379 in OUTPUT`);
  assert.is(tell({}, { target: null }), `${RULE} sends 198.51.100.1:8080 to a container in NAT`);
  assert.is(tell({}, unnamed), null);
  assert.is(tell({}, { at: null }), null);
});

test('a relay: which rule left it alone, or that none took it', () => {
  const relay = { pid: 40, command: 'docker-proxy', client: null };
  const path = 'docker-proxy';
  const process = 'docker-proxy (pid 40)';
  const none = (family: string, to: string): string =>
    `no ${family} rule sends ${to} on, so ${process} takes it`;
  assert.is(
    tell({ path, relay }),
    `${RULE} leaves 198.51.100.1:8080 alone, so ${process} takes it`,
  );
  assert.is(tell({ path, relay }, unnamed), none('ip', '198.51.100.1:8080'));
  const server = { address: 'fd00::1', port: 8080 };
  assert.is(tell({ path, relay, server }, unnamed), none('ip6', '[fd00::1]:8080'));
  const nameless = (one: Connection['relay']): string | null =>
    tell({ path: 'relay', relay: one }, unnamed);
  assert.match(nameless(null) ?? '', /so a relay takes it$/);
  assert.match(nameless({ ...relay, command: null }) ?? '', /so a relay takes it$/);
  assert.match(nameless({ ...relay, pid: null }) ?? '', /so docker-proxy takes it$/);
});

test('a relay that could not reach its container: why', () => {
  const relay = { pid: 40, command: 'docker-proxy', client: null };
  const why = 'it cannot reach 172.17.0.2:6379';
  const told = (outcome: Connection['outcome'], obstructed = true): string =>
    tell({ path: 'docker-proxy', relay, outcome }, { ...unnamed, why }, { obstructed }) ?? '';
  assert.match(told('reset'), /takes it: it cannot reach 172\.17\.0\.2:6379$/);
  assert.match(told('answered'), /takes it$/);
  assert.match(told('reset', false), /takes it$/);
});

test('the container’s own address, and what ends at the host', () => {
  const path = 'direct';
  assert.is(
    tell({ path }, {}, { bridge: 'docker0' }),
    "198.51.100.1:8080 is the container's own address, reached over the bridge docker0, and no rule rewrites or stops it",
  );
  assert.is(
    tell({ path }),
    "198.51.100.1:8080 is the container's own address, and no rule rewrites or stops it",
  );
  assert.is(tell({ path: 'host' }), 'so it is');
  assert.is(tell({ path: 'unknown' }), 'so it is');
  for (const refused of ['dropped', 'refused'] as const) {
    assert.is(tell({ path: 'dnat' }, { path: refused }), 'so it is');
  }
});

test.run();
