/** The Service that a rule of kube-proxy belongs to: by its comment in iptables, by the chain's name in nftables. */
import * as assert from 'uvu/assert';
import { findServiceOfRule } from '../../../src/rules/evaluate/service.js';
import { suite } from '../../support/suite.js';

const test = suite('services of Kubernetes');

const find = (chain: string, comment: string | null = null): string | null =>
  findServiceOfRule({ chain: { name: chain }, rule: { comment } });

test('iptables: what kube-proxy begins its comments with', () => {
  for (const chain of ['KUBE-SEP-A', 'KUBE-SVC-A', 'KUBE-SVL-A', 'KUBE-EXT-A', 'KUBE-FW-A']) {
    assert.is(find(chain, 'shop/redis:tcp'), 'shop/redis:tcp', chain);
  }
  assert.is(find('KUBE-SERVICES', 'shop/redis cluster IP'), 'shop/redis');
  assert.is(find('KUBE-NODEPORTS', 'shop/my-redis.v1:tcp-2'), 'shop/my-redis.v1:tcp-2');
  assert.is(find('KUBE-XLB-A', 'shop/redis -> 10.244.0.5:6379'), 'shop/redis');
});

test('iptables: other comments, other chains and rules without one name no Service', () => {
  assert.is(find('KUBE-SVC-A', 'masquerade for shop/redis'), null);
  assert.is(find('KUBE-SVC-A', 'Shop/redis'), null);
  assert.is(find('KUBE-SVC-A', 'shop/redis_1'), null);
  assert.is(find('KUBE-SVC-A', null), null);
  assert.is(find('DOCKER', 'shop/redis:tcp'), null);
  assert.is(find('MY-KUBE-SVC-A', 'shop/redis:tcp'), null);
  assert.is(findServiceOfRule({ chain: { name: 'KUBE-SVC-A' }, rule: null }), null);
});

test('nftables: the names of chains', () => {
  assert.is(find('service-2QRHZV4L-shop/redis/tcp/p6379'), 'shop/redis:p6379');
  assert.is(find('external-2QRHZV4L-shop/redis/udp/'), 'shop/redis');
  assert.is(find('endpoint-GTK6MW7G-shop/redis/sctp/p__10.244.0.5/6379'), 'shop/redis:p');
});

test('nftables: chains of others and names that are cut name no Service', () => {
  assert.is(find('service-2QRHZV4L-shop/redis'), null);
  assert.is(find('service-2QRHZV4L-shop/redis/icmp/p'), null);
  assert.is(find('my-service-2QRHZV4L-shop/redis/tcp/p'), null);
  assert.is(find('service-lower-shop/redis/tcp/p'), null);
  assert.is(find('services'), null);
});

test.run();
