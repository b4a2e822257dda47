// The picture of a host's map: the golden one of a real engine, and one of a host that says hardly anything.

import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { explanationSchema, type Explanation } from '../../src/model/explain.js';
import { renderTopologySvg } from '../../src/render/svg/map.js';
import { compareGolden } from '../support/golden.js';
import { suite } from '../support/suite.js';

const test = suite('render: the map');

function readMap(): Explanation {
  const url = new URL('../../../test/render/fixtures/explain.json', import.meta.url);
  return explanationSchema.parse(JSON.parse(readFileSync(url, 'utf8')));
}

test('the map of a real engine', async () => {
  const svg = await renderTopologySvg(readMap());
  assert.is(compareGolden('render/map.svg', svg), null);
  for (const text of ['docker0', 'redis', 'docker-proxy (pid', 'published 0.0.0.0:6379', '<desc']) {
    assert.match(svg, text);
  }
});

test('names that would be markup are text, and a host that tells nothing has a picture', async () => {
  const map = readMap();
  const evil = '<script>alert(1)</script>'.repeat(4);
  const containers = map.containers.map((one) => ({ ...one, name: evil }));
  const svg = await renderTopologySvg({ ...map, containers });
  assert.not.match(svg, '<script>');
  const bare = {
    ...{ engine: null, bridges: [], containers: [], relays: [], sockets: [], predictions: [] },
    ...{ findings: [], host: { ...map.host, devices: [] } },
  };
  assert.match(await renderTopologySvg({ ...map, ...bare }), '</svg>');
});

test('a bridge of many names some and counts the others', async () => {
  const map = readMap();
  const bridges = map.bridges.map((bridge) => ({
    ...bridge,
    members: Array.from({ length: 40 }, (_, i) => ({
      ...{ interface: `veth${i}`, ifindex: i, peerIfindex: 100 + i, peerName: 'eth0' },
      ...{ container: `one-${i}`, address: `172.17.0.${i + 2}` },
    })),
  }));
  assert.match(await renderTopologySvg({ ...map, bridges }), 'and 28 more');
});

test.run();
