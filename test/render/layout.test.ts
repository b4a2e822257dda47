/** The layout's decisions: which hops are one packet, the order of lanes, what is folded, what is said once. */
import * as assert from 'uvu/assert';
import type { Hop, Report } from '../../src/model/report.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { layOut } from '../../src/render/layout/layout.js';
import { groupPackets } from '../../src/render/layout/packets.js';
import type { ArrowRow, Panel, Row } from '../../src/render/layout/scene.js';
import { suite } from '../support/suite.js';
import { FIXTURES } from './fixtures/index.js';
import { report, Story, connection } from './fixtures/build.js';

const test = suite('render: layout');

function panelOf(given: Report): Panel {
  const panel = layOut(given, { panels: 1 }).panels[0];
  if (!panel) throw new Error('no panel');
  return panel;
}

function fixture(name: string): Report {
  const make = FIXTURES[name];
  if (!make) throw new Error(`no fixture ${name}`);
  return make();
}

function lanesOf(name: string): string[] {
  const { ladder } = panelOf(fixture(name));
  return ladder.groups.map(({ name: group, from, to }) => {
    return `${group}: ${ladder.lanes
      .slice(from, to + 1)
      .map((lane) => lane.name)
      .join(' ')}`;
  });
}

function arrows(rows: readonly Row[]): ArrowRow[] {
  return rows.filter((row) => row.type === 'arrow');
}

test('lanes stand in the order in which packets pass', () => {
  assert.equal(lanesOf('outside-dnat'), [
    'client: redis-cli eth0',
    'host: ext0 docker0 veth4a50f5e',
    'redis: eth0 redis-server',
  ]);
  assert.equal(lanesOf('loopback-proxy'), [
    'host: redis-cli lo docker-proxy docker0 veth4a50f5e',
    'redis: eth0 redis-server',
  ]);
  assert.equal(lanesOf('output-dnat'), [
    'host: redis-cli docker0 veth4a50f5e',
    'redis: eth0 redis-server',
  ]);
});

test('a hairpin passes its devices twice, so they have two lanes', () => {
  assert.equal(lanesOf('hairpin'), [
    'redis: client eth0',
    'host: veth4a50f5e docker0 veth4a50f5e',
    'redis: eth0 redis-server',
  ]);
});

test('lanes of a capture stand together', () => {
  assert.equal(lanesOf('captured'), ['capture: client ext0 docker0 veth4a50f5e 172.17.0.2']);
});

test('one packet over five devices is one row with five numbered stops', () => {
  const [syn] = arrows(panelOf(fixture('outside-dnat')).ladder.rows);
  assert.is(syn?.label, 'SYN');
  assert.equal(
    syn?.stops.map(({ lane, events }) => [lane, ...events]),
    [
      [1, 4],
      [2, 5],
      [3, 6],
      [4, 7],
      [5, 8],
    ],
  );
  assert.equal([syn?.tail, syn?.head], [0, 6]);
});

test('packets in flight at the same time are told apart, and no hop is lost', () => {
  const story = new Story();
  const over = ['client eth0 out', 'host ext0 in', 'host docker0 out'];
  story.packet({ over, from: 'a:1', to: 'b:2', bytes: 10 });
  story.packet({ over, from: 'a:1', to: 'b:2', bytes: 10 });
  const at = (hop: Hop, i: number): Hop => ({
    ...hop,
    time: String(1000 + (i % 3) * 10 + Math.floor(i / 3)),
  });
  const items = groupPackets(story.hops.map(at));
  assert.equal(
    items.map((item) => (item.type === 'passage' ? item.hops.map((hop) => hop.event) : [])),
    [
      [3, 4, 5],
      [6, 7, 8],
    ],
  );
});

test('a packet whose journey is not told stands alone', () => {
  const story = new Story();
  story.packet({ over: ['client eth0 out', 'host ext0 in'], from: 'a:1', to: 'b:2', bytes: 10 });
  const hops = story.hops.map((hop) => ({ ...hop, journey: undefined }));
  assert.is(groupPackets(hops).length, 2);
});

test('a retransmitted packet is a row of its own', () => {
  const story = new Story();
  for (let i = 0; i < 2; i++) {
    story.packet({
      over: ['client eth0 out', 'host ext0 in'],
      from: 'a:1',
      to: 'b:2',
      flags: 'SYN',
      seq: 9,
    });
    story.wait(1_000_000_000);
  }
  assert.is(groupPackets(story.hops).length, 2);
});

test('a rewriting is spelled out once and marked afterwards', () => {
  const rows = arrows(panelOf(fixture('outside-dnat')).ladder.rows);
  const marks = rows.flatMap((row) => row.rewritings);
  assert.is(marks.length, rows.length);
  assert.equal(
    marks
      .filter(({ spelledOut }) => spelledOut)
      .map(({ hook, before, now }) => [hook, before, now]),
    [
      ['PREROUTING', '198.51.100.1:6379', '172.17.0.2:6379'],
      ['reply', '172.17.0.2:6379', '198.51.100.1:6379'],
    ],
  );
});

test('nothing is drawn as arrived that was not', () => {
  const dropped = panelOf(fixture('dropped-by-filter')).ladder;
  assert.equal(
    arrows(dropped.rows).map(({ head, drop }) => [head, drop?.event]),
    [
      [null, 5],
      [null, 8],
      [null, 11],
    ],
  );
  assert.is(dropped.lanes.at(-1)?.reached, false);
  const unanswered = panelOf(fixture('retransmitted')).ladder;
  assert.ok(arrows(unanswered.rows).every(({ head }) => head === null));
});

test('where packets may pass unlisted, the last place that lists one is not drawn as its end', () => {
  const story = new Story();
  const way = ['client eth0 out', 'host ext0 in', 'host docker0 out'];
  story.packet({ over: way.slice(0, 2), from: 'a:1', to: 'b:2', bytes: 10 });
  story.packet({ over: way, from: 'a:1', to: 'b:2', bytes: 11 });
  const hops = story.hops.map((hop): Hop => {
    if (!hop.journey) throw new Error('a packet has a journey');
    return { ...hop, journey: { ...hop.journey, end: 'unknown' } };
  });
  const draw = (unlistedLegs: number[] | undefined): ArrowRow | undefined => {
    const verdict = { path: 'dnat', proof: 'proven', reason: '' } as const;
    const one = connection({ hops, hopsOmitted: 7, ...(unlistedLegs && { unlistedLegs }) });
    return arrows(panelOf(report(verdict, [one])).ladder.rows)[0];
  };
  assert.equal(draw([0])?.unlisted, { before: false, after: true });
  // Of another leg, or where only this document's limit left hops out: all places of this packet are known.
  assert.equal(draw([1])?.unlisted, { before: false, after: false });
  assert.equal(draw(undefined)?.unlisted, { before: false, after: false });
});

test('evidence: what is not so is said that way, and marked by what it means for the user', () => {
  const evidence = [
    { code: 'host-accepted', holds: false },
    { code: 'entered-container', holds: false },
    { code: 'nothing-listened', holds: true },
    { code: 'nat-rewritten', holds: null },
    { code: 'of-a-later-version', holds: false },
  ].map(({ code, holds }) => ({ code, holds, claim: `claim ${code}`, events: [] }));
  const told = panelOf(
    report({ path: 'dnat', proof: 'proven', reason: '' }, [connection({ hops: [], evidence })]),
  ).evidence.map(({ mark, claim }) => `${mark}: ${claim}`);
  assert.equal(told, [
    'good: no process of the host took part',
    'bad: no packet of it entered the container',
    'bad: claim nothing-listened',
    'unsure: claim nat-rewritten',
    'good: not so: claim of-a-later-version',
  ]);
});

test('a packet that was too big: the MTU is named where it died and among the facts', () => {
  const story = new Story();
  story.packet({
    over: ['client eth0 out', 'host ext0 in'],
    from: 'a:1',
    to: 'b:2',
    bytes: 1448,
    drop: { at: 'host ext0', summary: '', reason: 'PKT_TOO_BIG', function: 'ip_forward' },
  });
  const stall = { leg: 'client', flow: 'request', length: 1448, sent: 3, passed: 127 } as const;
  const draw = (mtu: number | null): Panel =>
    panelOf(
      report({ path: 'dnat', proof: 'proven', reason: '' }, [
        connection({ hops: story.hops, outcome: 'stalled', stall: { ...stall, mtu } }),
      ]),
    );
  const reasonOf = (panel: Panel): string | undefined => arrows(panel.ladder.rows)[0]?.drop?.reason;
  assert.is(reasonOf(draw(1280)), 'PKT_TOO_BIG at ip_forward (MTU 1280)');
  assert.ok(draw(1280).facts.includes('too big for an MTU of 1280'));
  assert.is(reasonOf(draw(null)), 'PKT_TOO_BIG at ip_forward (larger than the MTU of its way)');
});

test('Mermaid has one box for each machine, also where packets come back to one', () => {
  const boxes = renderMermaid(fixture('hairpin')).match(/^ {2}box .*$/gm) ?? [];
  assert.equal(boxes, ['  box transparent redis', '  box transparent host']);
});

test('repeats are folded with their sum, handshakes are not', () => {
  const { rows } = panelOf(fixture('gigabyte')).ladder;
  const labels = rows.map((row) => (row.type === 'remark' ? row.text : row.label));
  assert.equal(labels, [
    'SYN',
    'SYN ACK',
    'ACK',
    '24 B',
    '24 segments, 1.56 MB',
    '8 ACKs',
    '81,934 more events counted, not listed',
    '4.81 s later',
    'FIN',
    'FIN',
    'ACK',
  ]);
});

test('every event of a connection is in exactly one row', () => {
  for (const make of Object.values(FIXTURES)) {
    const given = make();
    for (const panel of layOut(given, { panels: 100 }).panels) {
      const hops = given.connections.find(({ id }) => id === panel.id)?.hops ?? [];
      const drawn = panel.ladder.rows.flatMap((row) => (row.type === 'remark' ? [] : row.events));
      assert.equal(
        [...drawn].sort((a, b) => a - b),
        hops.map(({ event }) => event).sort((a, b) => a - b),
      );
    }
  }
});

test('many connections: the odd ones are grouped first, one of each group is drawn', () => {
  const scene = layOut(fixture('mixed-hundred'), { panels: 3 });
  assert.equal(
    scene.summary.map(({ count, path, outcome }) => [count, path, outcome]),
    [
      [1, 'dnat', 'refused'],
      [50, 'docker-proxy', 'answered'],
      [49, 'dnat', 'answered'],
    ],
  );
  assert.equal(
    scene.panels.map(({ id }) => id),
    [1, 2, 51],
  );
});

test('many different clients are told apart by where they are', () => {
  const connections = Array.from({ length: 40 }, (_, i) =>
    connection({
      id: i + 1,
      hops: [],
      client: { address: `203.0.113.${i}`, port: 1 },
      clientNamespace: null,
    }),
  );
  const scene = layOut(report({ path: 'dnat', proof: 'proven', reason: '' }, connections), {
    panels: 3,
  });
  assert.equal(
    scene.summary.map(({ count, from }) => [count, from]),
    [[40, 'outside']],
  );
});

test.run();
