/** The picture of a host's map: of a real engine, and of a host that tells hardly anything. */
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
    engine: null,
    bridges: [],
    containers: [],
    relays: [],
    sockets: [],
    predictions: [],
    findings: [],
    host: { ...map.host, devices: [] },
  };
  assert.match(await renderTopologySvg({ ...map, ...bare }), '</svg>');
});

test('a device whose name turns the text around is written out, also where only a page reads it', async () => {
  const map = readMap();
  const devices = map.host.devices.map((device) => ({ ...device, name: '\u202egnp.exe' }));
  const svg = await renderTopologySvg({ ...map, host: { ...map.host, devices } });
  assert.not.match(svg, '\u202e');
  const places = /data-places="([^"]*202egnp[^"]*)"/.exec(svg)?.[1] ?? '';
  const keys = JSON.parse(places.replaceAll('&quot;', '"')) as string[];
  assert.ok(keys.includes(JSON.stringify(['host', '\u202egnp.exe'])), 'what lights up is the same');
});

test('a bridge of many names some and counts the others', async () => {
  const map = readMap();
  const bridges = map.bridges.map((bridge) => ({
    ...bridge,
    members: Array.from({ length: 40 }, (_, i) => ({
      interface: `veth${i}`,
      ifindex: i,
      peerIfindex: 100 + i,
      peerName: 'eth0',
      container: `one-${i}`,
      address: `172.17.0.${i + 2}`,
    })),
  }));
  const whole = { ...map, bridges, predictions: [] };
  assert.match(
    await renderTopologySvg(whole),
    'and 28 more',
    'nothing is asked, so all concern it',
  );
});

const numbersIn = (svg: string): string[] =>
  [...svg.matchAll(/<rect[^>]*rx="9"[^>]*\/?>(?:<\/rect>)?<text[^>]*>(\d+)</g)].map(
    ([, n]) => n ?? '',
  );

test('arrows: predictions that take one way share a number, and what nobody knows has none', async () => {
  const map = readMap();
  const [first] = map.predictions;
  assert.ok(first);
  const alike = { ...first, to: '198.51.100.9:6379' };
  const unknown = { ...first, path: 'unknown' as const, way: null, target: null };
  const svg = await renderTopologySvg({ ...map, predictions: [first, alike, unknown] });
  assert.equal(numbersIn(svg), ['1', '1', '1'], 'an arrow and two rows');
});

test('arrows: a mark where it is dropped, and none where it arrives', async () => {
  const map = readMap();
  const [first] = map.predictions;
  assert.ok(first);
  const arrives = await renderTopologySvg({ ...map, predictions: [first] });
  const dropped = { ...first, path: 'dropped' as const };
  const dies = await renderTopologySvg({ ...map, predictions: [dropped] });
  const marks = (svg: string): number => svg.match(/class="s-paper shaft"/g)?.length ?? 0;
  assert.equal([marks(arrives), marks(dies)], [0, 2]);
});

test('only what concerns the port: containers that neither dial nor take it are counted', async () => {
  const map = readMap();
  const stranger = {
    interface: 'veth99',
    ifindex: 99,
    peerIfindex: 100,
    peerName: 'eth0',
    container: 'stranger',
    address: '172.17.0.99',
  };
  const bridges = map.bridges.map((bridge) => ({
    ...bridge,
    members: [...bridge.members, stranger],
  }));
  const other = { name: 'br-other', addresses: [], members: [stranger] };
  const svg = await renderTopologySvg({ ...map, bridges: [...bridges, other] });
  assert.not.match(svg.replace(/<desc.*?<\/desc>/s, ''), 'stranger');
  assert.match(svg, 'and 1 more');
  assert.match(svg, 'and 1 bridge that it does not concern');
});

test.run();
