/** What pictures must not suggest: an end where the list ends, one relay where there are several, bytes too late. */
import * as assert from 'uvu/assert';
import type { MoveEvent } from '../../src/model/event.js';
import type { Move } from '../../src/correlate/relays.js';
import { analyse } from '../../src/prove/analyse.js';
import { placeMoves } from '../../src/prove/timing/move-times.js';
import { layOut } from '../../src/render/layout/layout.js';
import type { ArrowRow, Ladder } from '../../src/render/layout/scene.js';
import { renderMermaid } from '../../src/render/mermaid.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { connection, report, Story } from './fixtures/build.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('render: what is drawn');

function ladderOf(given: Parameters<typeof layOut>[0]): Ladder {
  const [panel] = layOut(given, { panels: 1 }).panels;
  if (!panel) throw new Error('no panel');
  return panel.ladder;
}

const arrowsOf = ({ rows }: Ladder): ArrowRow[] => rows.filter((row) => row.type === 'arrow');
const verdict = { path: 'dnat', proof: 'proven', reason: '' } as const;

const WHOLE = new Story().packet({
  over: ['client eth0 out', 'host ext0 in', 'host docker0 out', 'host veth4a50f5e out'],
  from: '198.51.100.2:45664',
  to: '198.51.100.1:6379',
  bytes: 14,
}).hops;

test('a packet of which places are not listed has neither begun nor ended there', () => {
  const [first, second, third, fourth] = WHOLE;
  assert.ok(first && second && third && fourth);
  for (const [hops, unlisted] of [
    [WHOLE, { before: false, after: false }],
    [[first, second], { before: false, after: true }],
    [[third, fourth], { before: false, after: false }],
    [[second, third, fourth], { before: false, after: false }],
  ] as const) {
    const given = report(verdict, [connection({ hops: [...hops] })]);
    const [row] = arrowsOf(ladderOf(given));
    assert.equal({ ...row?.unlisted }, unlisted, `${hops.length} hops`);
  }
  const given = report(verdict, [connection({ hops: [first, second] })]);
  assert.match(renderTerminal(given), '4…');
  assert.not.match(renderTerminal(given), '4►');
  assert.match(renderMermaid(given), 'further places not listed');
});

test('a packet whose end was not seen may go on where others were only counted', () => {
  const given = report(verdict, [connection({ hops: WHOLE.slice(0, 2), hopsOmitted: 9 })]);
  assert.is(arrowsOf(ladderOf(given))[0]?.unlisted.after, true);
});

test('a packet that was delivered arrives, whatever is not listed of its way', () => {
  const hops = WHOLE.map((hop) => ({
    ...hop,
    ...(hop.journey && { journey: { ...hop.journey, end: 'delivered' as const } }),
  }));
  const given = report(verdict, [connection({ hops: hops.slice(0, 2) })]);
  const ladder = ladderOf(given);
  assert.is(arrowsOf(ladder)[0]?.head, ladder.lanes.length - 1);
});

test('a chain of relays has a lane for each, and each act stands at its own', () => {
  const { lanes, rows } = ladderOf(analyse(readSample('relay-chain'), { hops: null }));
  const relays = lanes.flatMap(({ kind, name }) => (kind === 'relay' ? [name] : []));
  assert.equal(relays, ['socat', 'docker-proxy']);
  const acts = rows.flatMap((row) =>
    row.type === 'relay' || row.type === 'point' ? [`${lanes[row.lane]?.name}: ${row.brief}`] : [],
  );
  assert.equal(acts, [
    'node: connect',
    'socat: accept',
    'socat: connect',
    'docker-proxy: connect',
    'socat: 28 B',
    'docker-proxy: 28 B',
    'docker-proxy: 14 B',
    'socat: 14 B',
  ]);
});

const ends = { socket: 's', local: { address: '', port: 1 }, remote: { address: '', port: 2 } };

/** 5 bytes from the tenth on, told as the call returned. */
function move(time: number, read: number | null): Move {
  const event = { kind: 'move', id: 9, time, bytes: 5, total: 15 } as MoveEvent;
  return {
    event,
    protocol: 'tcp',
    namespace: null,
    from: ends,
    to: ends,
    bytes: 5,
    exact: true,
    request: true,
    read: read === null ? null : ({ time: read } as Move['read']),
  };
}

test('bytes were read before the packet that carries them on', () => {
  const packet = (from: number, to: number, time: number, request = true) => {
    return { request, time, stream: { from, to } };
  };
  const timeOf = (one: Move, packets: ReturnType<typeof packet>[]): number | undefined =>
    placeMoves([one], { request: packets, reply: [] })[0]?.time;
  assert.is(timeOf(move(100, null), []), 100);
  assert.is(timeOf(move(100, 70), []), 70);
  assert.is(timeOf(move(100, null), [packet(0, 10, 40), packet(10, 15, 80)]), 80);
  assert.is(timeOf(move(100, null), [packet(14, 20, 80)]), 80);
  assert.is(timeOf(move(100, null), [packet(15, 20, 80)]), 100);
  assert.is(timeOf(move(100, null), [packet(10, 15, 80, false)]), 100);
  assert.is(timeOf(move(100, 70), [packet(10, 15, 80)]), 70);
});

test.run();
