/** kube-proxy's rules as whole sets, in iptables and nftables mode: the path, the source that the pod sees, and the Service by its name. */
import * as assert from 'uvu/assert';
import type { Forecast } from '../../../src/model/forecast.js';
import { predictWays } from '../../../src/rules/evaluate/predict.js';
import { findServiceOfRule } from '../../../src/rules/evaluate/service.js';
import { writeForecast } from '../../../src/words/predictions/forecast.js';
import { suite } from '../../support/suite.js';
import { loadRules, makeWorld } from './worlds.js';

const test = suite('Kubernetes');

const MODES = ['kube-proxy-whole.iptables', 'kube-proxy-whole.nft'];

/** The pods stand on a bridge as CNI's plugin makes it; the node dials and is dialled. */
function find(file: string, port: number, address: string, inner: number): readonly Forecast[] {
  const world = makeWorld(loadRules(file), false);
  const devices = world.devices.map((one) =>
    one.name === 'docker0' ? { ...one, name: 'cni0', networks: ['10.244.0.1/24'] } : one,
  );
  const sockets = [
    { protocol: 'tcp', address: '0.0.0.0', port: inner, pid: 20, command: 'web' } as const,
  ];
  const pod = { name: 'shop/web-0', places: [{ bridge: 'cni0', address }], sockets };
  const mapping = {
    protocol: 'tcp',
    listens: { address: '0.0.0.0', port },
    target: { address, port: inner },
  } as const;
  const containers = [pod];
  return predictWays({ ...world, devices, containers }, [
    { mapping, container: pod, client: '198.51.100.2' },
  ]).predictions;
}

function outside(file: string, port: number, address: string, inner: number): Forecast {
  const found = find(file, port, address, inner).find(({ vantage }) => vantage === 'outside');
  if (!found) throw new Error('no client outside');
  return found;
}

for (const file of MODES) {
  test(`${file}: a NodePort is masqueraded, and its rule names the Service and the port`, () => {
    const one = outside(file, 30080, '10.244.0.5', 8080);
    assert.equal([one.path, one.target, one.service], ['dnat', '10.244.0.5:8080', 'shop/web:http']);
    assert.is(one.sourceSeen, '10.244.0.1');
    assert.match(writeForecast(one).why, /for the Service shop\/web:http of Kubernetes/);
  });

  test(`${file}: with externalTrafficPolicy Local the pod sees the client`, () => {
    const one = outside(file, 30081, '10.244.0.6', 8081);
    assert.equal([one.path, one.service], ['dnat', 'shop/local']);
    assert.is(one.sourceSeen, '198.51.100.2');
  });

  test(`${file}: a Service without endpoints refuses, and none is named`, () => {
    const one = outside(file, 30099, '10.244.0.9', 80);
    assert.equal([one.path, one.service], ['refused', undefined]);
  });
}

const nameOf = (name: string, comment: string | null = null): string | null =>
  findServiceOfRule({ chain: { name }, rule: { comment } });

test('names in comments and in chains', () => {
  assert.is(nameOf('KUBE-SEP-AAAA', 'shop/web:http'), 'shop/web:http');
  assert.is(nameOf('KUBE-SVC-AAAA', 'shop/web -> 10.244.0.5:80'), 'shop/web');
  assert.is(nameOf('endpoint-5OJB2KTY-shop/web/tcp/http__10.244.0.5/8080'), 'shop/web:http');
  assert.is(nameOf('service-5OJB2KTY-shop/web/udp/'), 'shop/web');
});

test('what is no Service’s is not called one', () => {
  assert.is(nameOf('DOCKER', 'shop/web'), null);
  assert.is(nameOf('KUBE-POSTROUTING', 'shop/web'), null);
  assert.is(nameOf('KUBE-SEP-AAAA', 'masquerade traffic for shop/web'), null);
  assert.is(nameOf('KUBE-SEP-AAAA'), null);
  assert.is(nameOf('endpoint-A1'), null);
  assert.is(findServiceOfRule({ chain: { name: 'KUBE-SEP-A' }, rule: null }), null);
});

test.run();
