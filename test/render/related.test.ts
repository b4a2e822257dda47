/** What lights up together: the rows that carry the same bytes, on both legs and in the relay. */
import * as assert from 'uvu/assert';
import type { Hop } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { layOutConnection } from '../../src/render/layout/panel.js';
import { relatedEvents } from '../../src/render/layout/related.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('render: related rows');

const report = analyse(readSample('proxy-loopback'));
const connection = report.connections[0];
assert.ok(connection);
const { rows } = layOutConnection(connection, report.places).ladder;
const byEvent = new Map(connection.hops.map((hop) => [hop.event, hop]));
const hopOf = (event: number): Hop | undefined => byEvent.get(event);

test('a request through a relay: both legs and the move between them, nothing of the reply', () => {
  const row = rows.find((one) => one.type === 'arrow' && one.label === '14 B');
  assert.ok(row);
  const hops = [...relatedEvents(row, rows, hopOf)].flatMap((event) => hopOf(event) ?? []);
  assert.equal([...new Set(hops.map(({ leg }) => leg))], ['client', 'container']);
  assert.ok(hops.some(({ kind }) => kind === 'relay'));
  assert.ok(hops.every(({ flow, bytes }) => flow === 'request' && bytes === 14));
});

test('a packet without bytes stands for itself', () => {
  const row = rows.find((one) => one.type === 'arrow' && one.label === 'SYN');
  assert.ok(row && row.type !== 'remark');
  assert.equal([...relatedEvents(row, rows, hopOf)], [...row.events]);
});

test.run();
