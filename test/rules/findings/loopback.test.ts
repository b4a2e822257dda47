/** What is published on 127.0.0.1 is kept from the link by rules or routes, or it is not: the finding promises neither for nothing. */
import * as assert from 'uvu/assert';
import type { Finding } from '../../../src/model/explain.js';
import { findFaults } from '../../../src/rules/findings/findings.js';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { writeFinding } from '../../../src/words/findings.js';
import { suite } from '../../support/suite.js';
import { makeWorld, readRules } from '../evaluate/worlds.js';

const test = suite('published on loopback');

const DOCKER = readRules('docker-20.10-proxy.iptables');
const mapping = {
  protocol: 'tcp',
  listens: { address: '127.0.0.1', port: 6390 },
  target: { address: '172.17.0.3', port: 6379 },
} as const;

function find(text: string): Finding | undefined {
  const place = { bridge: 'docker0', address: '172.17.0.3' };
  const containers = [{ name: 'shut', places: [place], sockets: null }];
  const world = makeWorld(parseSaved(text, 'saved'), true, { containers });
  const input = {
    world,
    mappings: [mapping],
    predictions: [],
    docker: true,
    complete: true,
  };
  return findFaults(input)
    .map(writeFinding)
    .find(({ code }) => code === 'published-on-loopback');
}

test('a neighbour on the link reaches it through the DNAT rule', () => {
  const found = find(DOCKER);
  assert.is(found?.severity, 'warning', found?.evidence);
  assert.match(found?.evidence ?? '', /a neighbour on the link reaches it.*172\.17\.0\.3:6379/);
  assert.match(found?.remedy ?? '', '-t raw -I PREROUTING');
});

test('a raw rule of Docker 28 keeps it out', () => {
  const raw =
    '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 6390 -j DROP\nCOMMIT\n';
  const found = find(raw + DOCKER);
  assert.is(found?.severity, 'note', found?.evidence);
  assert.match(found?.evidence ?? '', 'is dropped');
});

test('without a DNAT rule nothing is routed to loopback', () => {
  const found = find(DOCKER.replace(/^.*--dport 6390 .*\n/gm, ''));
  assert.is(found?.severity, 'note', found?.evidence);
  assert.match(found?.evidence ?? '', 'route_localnet');
});

test.run();
