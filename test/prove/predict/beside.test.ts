// A traced connection beside its prediction.

import * as assert from 'uvu/assert';
import type { ExplainedRule } from '../../../src/model/explain.js';
import type { Connection } from '../../../src/model/report.js';
import {
  findDifference,
  listCounted,
  predictConnection,
} from '../../../src/prove/predict/beside.js';
import { suite } from '../../support/suite.js';
import { loadRules, makeWorld } from './worlds.js';

const test = suite('prediction beside observation');

const world = makeWorld(loadRules('docker-20.10-proxy.iptables'), true);

function connect(change: Partial<Connection>): Connection {
  return {
    ...{ id: 1, protocol: 'tcp', proof: 'proven', path: 'dnat', outcome: 'answered', reason: '' },
    client: { address: '198.51.100.2', port: 40000 },
    server: { address: '198.51.100.1', port: 6379 },
    container: { address: '172.17.0.2', port: 6379, name: 'redis' },
    ...{ nat: null, relay: null, drop: null, why: null, evidence: [], hops: [], hopsOmitted: 0 },
    bytes: { fromClient: 0, fromServer: 0 },
    processes: { client: null, server: null },
    clientNamespace: 'client',
    ...change,
  };
}

function pathOf(change: Partial<Connection>): string | undefined {
  return predictConnection(world, connect(change))?.path;
}

test('each client is predicted from where it is', () => {
  const at = (address: string) => ({ address, port: 40000 });
  assert.is(pathOf({}), 'dnat');
  const server = { address: '127.0.0.1', port: 6379 };
  assert.is(pathOf({ clientNamespace: 'host', client: at('127.0.0.1'), server }), 'docker-proxy');
  assert.is(pathOf({ clientNamespace: 'other', client: at('172.17.0.4') }), 'docker-proxy');
  const inner = { address: '172.17.0.2', port: 6379 };
  assert.is(pathOf({ clientNamespace: 'far', client: at('172.30.0.2'), server: inner }), 'dropped');
  assert.is(pathOf({ server: null }), undefined);
});

test('a difference is a finding with a likely cause; agreement and doubt are none', () => {
  const judge = (change: Partial<Connection>) => {
    const connection = connect(change);
    const prediction = predictConnection(world, connection);
    return prediction && findDifference(connection, prediction);
  };
  assert.is(judge({}), null);
  assert.is(judge({ path: 'docker-proxy', proof: 'inconclusive' }), null);
  const other = judge({ path: 'docker-proxy' });
  assert.is(other?.code, 'prediction-differs');
  assert.match(other?.evidence ?? '', 'went by docker-proxy');
  assert.match(other?.remedy ?? '', 'another backend');
  assert.ok(judge({ outcome: 'dropped' }));
});

test('counters that grew are listed', () => {
  const rule: Omit<ExplainedRule, 'packets'> = {
    backend: 'nftables',
    family: 'ip',
    ...{ table: 'nat', chain: 'A', rule: 'x', meaning: 'y' },
  };
  const grown = listCounted([{ ...rule, packets: 2 }], [{ ...rule, packets: 5 }]);
  assert.equal(
    grown.map(({ packets }) => packets),
    [3],
  );
  assert.equal(listCounted([{ ...rule, packets: 2 }], [{ ...rule, packets: 2 }]), []);
});

test.run();
