/** A third sighting of a packet: whether one machine between the other two can have made all three. */
import * as assert from 'uvu/assert';
import { dropDisputed, type TwinPair } from '../../src/correlate/capture/disputes.js';
import type { ConversationLink } from '../../src/correlate/capture/links.js';
import type { Twin } from '../../src/correlate/capture/twins.js';
import type { Endpoint } from '../../src/model/address.js';
import type { CapturedPacket } from '../../src/model/captured-packet.js';
import type { Conversation } from '../../src/model/conversation.js';
import { at } from '../support/story.js';
import { suite } from '../support/suite.js';
import { listTwins, Rows, type Row } from '../support/wire-rows.js';

const test = suite('disputed links');

const CLIENT = at('198.51.100.2#40000');
const HOST = at('198.51.100.1#8080');
const BEHIND = at('172.17.0.2#6379');
const THIRD = at('172.17.0.3#6379');
const MASKED = at('172.17.0.1#50000');

/** What the third place shows of a request. */
interface Shown {
  readonly source?: Endpoint;
  readonly destination: Endpoint;
  readonly row?: Partial<Row>;
}

interface Setting {
  /** Requests pass the machine under the client's own address, or under another. */
  readonly masked?: boolean;
  /** Whose packet the third is seen to be: that before the machine, or that behind it. */
  readonly beside?: 'near' | 'far';
  /** The time of the third fits, or no way takes as long. */
  readonly late?: boolean;
  readonly unset?: readonly number[];
  /** The link as it is known from its other end. */
  readonly turned?: boolean;
  /** The packet that the third is seen to be is one that the link has on one side only. */
  readonly alone?: boolean;
  /** Answers, which come the other way. */
  readonly answers?: boolean;
  readonly near?: Partial<Row>;
  readonly far?: Partial<Row>;
  readonly pairTurned?: boolean;
}

const conversation = (id: number, ends: readonly [Endpoint, Endpoint], file = 0): Conversation =>
  ({ id, file, streams: ends.map((from) => ({ from })) }) as unknown as Conversation;

/** Whether the link stays. */
function stays({ source = CLIENT, destination, row = {} }: Shown, setting: Setting = {}): boolean {
  const { masked = false, beside = 'near', late = true, unset = [], turned = false } = setting;
  const rows = new Rows();
  const from = masked ? MASKED : CLIENT;
  const way = (ends: readonly [Endpoint, Endpoint]): Partial<Row> =>
    setting.answers === true
      ? { source: ends[1], destination: ends[0] }
      : { source: ends[0], destination: ends[1] };
  const [nearTtl, farTtl] = setting.answers === true ? [63, 64] : [64, 63];
  const near = rows.add({ ...way([CLIENT, HOST]), ttl: nearTtl, device: 1, ...setting.near });
  const far = rows.add({ ...way([from, BEHIND]), ttl: farTtl, device: 2, ...setting.far });
  const third = rows.add({ ...way([source, destination]), ttl: 63, device: 3, file: 2, ...row });
  const other = rows.add({
    ...way(beside === 'near' ? [CLIENT, HOST] : [from, BEHIND]),
    seq: 900,
    ttl: beside === 'near' ? nearTtl : farTtl,
    device: 1,
    ...setting.near,
  });
  const [first, second] = [
    conversation(near.conversation, [CLIENT, HOST]),
    conversation(far.conversation, [from, BEHIND]),
  ];
  const twin: Twin = turned ? { a: far, b: near } : { a: near, b: far };
  const link: ConversationLink = {
    ...(turned ? { one: second, two: first } : { one: first, two: second }),
    twins: listTwins([twin]),
    doubt: null,
    nearer: turned ? 'two' : 'one',
    beyond: { one: HOST, two: BEHIND },
  };
  const known = beside === 'near' ? first : second;
  const seen: CapturedPacket = setting.alone === true ? other : beside === 'near' ? near : far;
  const beyond = conversation(third.conversation, [source, destination], third.file);
  const sights: Twin[] =
    setting.pairTurned === true ? [{ a: third, b: seen }] : [{ a: seen, b: third }];
  const pair: TwinPair = {
    ...(setting.pairTurned === true ? { one: beyond, two: known } : { one: known, two: beyond }),
    twins: listTwins(late ? [] : sights),
    late: listTwins(late ? sights : []),
  };
  return dropDisputed([link], [pair], new Set(unset)).length === 1;
}

test('an end that was rewritten has one new address: a third one is another’s', () => {
  for (const beside of ['near', 'far'] as const) {
    for (const turned of [false, true]) {
      for (const pairTurned of [false, true]) {
        const setting = { beside, turned, pairTurned };
        const name = JSON.stringify(setting);
        assert.is(stays({ destination: THIRD }, setting), false, name);
        assert.is(stays({ destination: BEHIND }, setting), true, name);
      }
    }
  }
});

test('once more under its first address: before the machine it may, as far on as behind it it may not', () => {
  const first = (ttl: number, more: Partial<Row> = {}, setting: Setting = {}): boolean =>
    stays({ destination: HOST, row: { ttl, ...more } }, { beside: 'far', ...setting });
  assert.equal([first(65), first(64), first(63), first(62)], [true, true, false, false]);
  const far = { hardware: 7 };
  assert.is(first(64, { hardware: 7 }, { far }), false, 'sent by the machine that sent it on');
  assert.is(first(64, { hardware: 8 }, { far }), true);
  assert.is(first(63, {}, { near: { ttl: 63 } }), true, 'a bridge takes nothing off the TTL');
});

test('under its new address: behind the machine it may, before it it may not', () => {
  const rewritten = (ttl: number, more: Partial<Row> = {}, setting: Setting = {}): boolean =>
    stays({ destination: BEHIND, row: { ttl, ...more } }, setting);
  assert.equal([rewritten(62), rewritten(63), rewritten(65)], [true, true, false]);
  const near = { hardware: 7 };
  assert.is(rewritten(63, { hardware: 7 }, { near }), false, 'sent by whom it came from');
  assert.is(rewritten(63, { hardware: 8 }, { near }), true);
});

test('… as near as the first was seen: at another device of that machine alone', () => {
  const level = (row: Partial<Row>): boolean =>
    stays({ destination: BEHIND, row: { ttl: 64, file: 0, ...row } }, { far: { file: 1 } });
  assert.is(level({ device: 3 }), true);
  assert.is(level({ device: 1 }), false, 'at the very device');
  assert.is(level({ device: 1, file: 2 }), true, 'another file may be of another place');
});

test('both ends rewritten: one of them alone was so only between the two rewritings', () => {
  const half = (shown: Shown, near: Partial<Row> = {}): boolean =>
    stays(shown, { masked: true, near });
  const behind = (ttl: number): Shown => ({ destination: BEHIND, row: { ttl } });
  assert.equal([half(behind(64)), half(behind(63))], [true, true]);
  assert.equal([half(behind(65)), half(behind(62))], [false, false]);
  const source = (ttl: number): Shown => ({ source: MASKED, destination: HOST, row: { ttl } });
  assert.equal([half(source(64)), half(source(62))], [true, false]);
  assert.is(half({ source: THIRD, destination: BEHIND }), false, 'neither the one nor the other');
  assert.is(half({ source: MASKED, destination: BEHIND, row: { ttl: 63 } }), true);
});

test('answers come the other way: behind the machine is nearer to the client', () => {
  const answer = (destination: Endpoint, ttl: number): boolean =>
    stays({ destination, row: { ttl } }, { answers: true });
  assert.equal([answer(BEHIND, 64), answer(BEHIND, 63)], [true, false], 'as it was sent');
  assert.equal([answer(HOST, 63), answer(HOST, 62), answer(HOST, 65)], [true, true, false]);
  assert.is(answer(THIRD, 63), false);
});

test('of a packet that was seen on one side only, others of its direction tell', () => {
  const alone = { alone: true };
  assert.is(stays({ destination: THIRD }, alone), false);
  assert.is(stays({ destination: BEHIND }, alone), true);
});

test('a third at a time that fits counts only beside the one or the other, or where its clock is not set', () => {
  const timely = { late: false };
  const row = { file: 1 };
  assert.is(stays({ destination: THIRD, row }, timely), true, 'a link of its own');
  assert.is(stays({ destination: THIRD, row }, { ...timely, unset: [1] }), false);
  const same = { destination: THIRD, row: { file: 0 } };
  assert.is(stays(same, { ...timely, unset: [0] }), true, 'in the same file');
  assert.is(stays({ destination: THIRD, row }, { ...timely, unset: [0] }), false);
  const again = { destination: HOST, row: { file: 1, ttl: 62 } };
  assert.is(stays(again, { ...timely, beside: 'far' }), false, 'the same ends as one side');
});

test('a link that nothing was rewritten on is no claim, and what no pair touches stays', () => {
  const plain = { id: 1, file: 0, streams: [{ from: CLIENT }, { from: HOST }] };
  const one = plain as unknown as Conversation;
  const link: ConversationLink = {
    one,
    two: { ...one, id: 2 },
    twins: listTwins([]),
    beyond: null,
    nearer: 'one',
    doubt: null,
  };
  assert.is(dropDisputed([link], [], new Set()).length, 1);
  const claim = { ...link, beyond: { one: HOST, two: BEHIND } };
  assert.is(dropDisputed([claim], [], new Set()).length, 1);
  const own: TwinPair = { one, two: { ...one, id: 2 }, twins: listTwins([]), late: listTwins([]) };
  assert.is(dropDisputed([claim], [own], new Set()).length, 1, 'its own pair says nothing');
});

test.run();
