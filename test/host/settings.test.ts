// Routes and settings of a host, as the kernel and iproute2 print them.

import * as assert from 'uvu/assert';
import { parseRoutes, parseSettings } from '../../src/host/settings.js';
import { suite } from '../support/suite.js';

const test = suite('settings');

test('settings are read by name, whatever the device is called', () => {
  const values = parseSettings('ipv4/ip_forward:1\nipv4/conf/eth0:1/route_localnet:0\ngrep: no\n');
  assert.is(values.get('ipv4/ip_forward'), '1');
  assert.is(values.get('ipv4/conf/eth0:1/route_localnet'), '0');
});

test('routes: defaults, single addresses, and what leads nowhere', () => {
  const text = JSON.stringify([
    { dst: 'default', gateway: '192.0.2.1', dev: 'eth0' },
    { dst: '172.17.0.0/16', dev: 'docker0', prefsrc: '172.17.0.1' },
    { dst: '203.0.113.9', dev: 'eth0' },
    { type: 'unreachable', dst: '10.0.0.0/8', dev: 'lo' },
    { dst: '10.1.0.0/16', nexthops: [] },
  ]);
  assert.equal(parseRoutes(text, 4), [
    { destination: '0.0.0.0/0', device: 'eth0', gateway: '192.0.2.1', source: null },
    { destination: '172.17.0.0/16', device: 'docker0', gateway: null, source: '172.17.0.1' },
    { destination: '203.0.113.9/32', device: 'eth0', gateway: null, source: null },
  ]);
  assert.equal(parseRoutes('', 6), []);
});

test.run();
