/** Which rule refused a connection: the predicted one, or the only possible one; none where several are possible. */
import * as assert from 'uvu/assert';
import { parseAddressNumber } from '../../src/model/range.js';
import type { Connection, Predicted } from '../../src/model/report.js';
import type { Match, Rule, Step, Table } from '../../src/model/rules.js';
import type { RuleSurvey } from '../../src/model/survey.js';
import { nameRule as nameWithPlace } from '../../src/prove/predict/name-rule.js';
import { suite } from '../support/suite.js';
import { at, PUBLISHED, TARGET } from '../support/story.js';

const test = suite('names of rules');

const REJECT: Step = { kind: 'verdict', verdict: { do: 'reject' } } as Step;
const ACCEPT: Step = { kind: 'verdict', verdict: { do: 'accept' } };

const when = (match: object, not = false): Step => ({
  kind: 'match',
  match: { ...match, not } as Match,
});

const rule = (text: string, ...steps: Step[]): Rule => ({
  text,
  steps,
  packets: null,
  comment: null,
});

function survey(
  rules: readonly Rule[],
  more: Partial<RuleSurvey> = {},
  table: Partial<Table> = {},
): RuleSurvey {
  const chain = { name: 'c', base: null, policy: 'accept', rules };
  return {
    rules: {
      tables: [{ backend: 'nftables', family: 'ip', name: 't', chains: [chain], ...table }],
      notes: [],
    },
    complete: true,
    settings: null,
    changes: { counted: [], rules: null },
    ...more,
  } as unknown as RuleSurvey;
}

function connection(more: object = {}): Connection {
  return {
    protocol: 'tcp',
    client: at('198.51.100.2#40000'),
    server: at(PUBLISHED),
    container: at(TARGET),
    relay: null,
    end: { by: 'host', how: 'rst', rule: null, cause: 'rejected' },
    ...more,
  } as unknown as Connection;
}

const named = (rules: readonly Rule[], more: object = {}): string | null =>
  nameRule(connection(more), null, survey(rules));

/** The rule alone, without where it is. */
function nameRule(...asked: Parameters<typeof nameWithPlace>): string | null {
  return nameWithPlace(...asked)?.rule ?? null;
}

const ONLY = rule('only', REJECT);

test('the only rule that rejects did it; of two that may have, neither is named', () => {
  assert.is(named([ONLY]), 'only');
  assert.is(named([ONLY, rule('other', ACCEPT)]), 'only');
  assert.is(named([ONLY, rule('two', REJECT)]), null);
  assert.is(named([rule('other', ACCEPT)]), null);
});

test('what is not understood may reject as well, and so may a rule that looks it up', () => {
  const unknown = { kind: 'verdict', verdict: { do: 'unknown' } } as unknown as Step;
  assert.is(named([ONLY, rule('who knows', unknown)]), null);
  const map = (verdict: string): Step =>
    ({
      kind: 'map',
      entries: [{ verdict: { do: 'accept' } }, { verdict: { do: verdict } }],
    }) as unknown as Step;
  assert.is(named([rule('map', map('reject'))]), 'map');
  assert.is(named([rule('map', map('drop'))]), null);
});

const range = (low: string, high = low): object => {
  const [from, to] = [parseAddressNumber(low), parseAddressNumber(high)];
  return { family: from?.family, low: from?.value, high: to?.value };
};

test('a rule whose conditions rule out every packet of the connection did not do it', () => {
  const may = (...steps: Step[]): boolean => named([rule('r', ...steps, REJECT)]) === 'r';
  const source = (text: string, not = false): Step =>
    when({ on: 'source', ranges: [range(text)] }, not);
  const destination = (text: string): Step => when({ on: 'destination', ranges: [range(text)] });
  assert.equal(
    ['198.51.100.2', '198.51.100.1', '172.17.0.2', '192.0.2.9'].map((text) => may(source(text))),
    [true, true, true, false],
  );
  assert.equal(
    ['198.51.100.2', '198.51.100.1', '172.17.0.2', '192.0.2.9'].map((text) =>
      may(destination(text)),
    ),
    [true, true, true, false],
  );
  assert.is(may(source('192.0.2.9', true)), true);
  assert.is(may(source('198.51.100.2'), destination('198.51.100.1')), true);
  assert.is(may(source('198.51.100.1'), destination('198.51.100.2')), true, 'its answer');
  assert.is(may(source('198.51.100.2'), destination('198.51.100.2')), false);
  assert.is(may(source('172.17.0.2'), destination('198.51.100.1')), false);
});

test('conditions on ports and on the protocol', () => {
  const may = (match: object, not = false): boolean =>
    named([rule('r', when(match, not), REJECT)]) === 'r';
  const port = (on: string, low: number, high = low): object => ({ on, ranges: [{ low, high }] });
  assert.is(may(port('destination-port', 8080)), true);
  assert.is(may(port('source-port', 40_000)), true);
  assert.is(may(port('destination-port', 22)), false);
  assert.is(may(port('source-port', 6000, 6379)), true);
  assert.is(may(port('source-port', 6379, 7000)), true);
  assert.is(may(port('source-port', 6380, 7000)), false);
  assert.is(may(port('source-port', 6000, 6378)), false);
  assert.is(may(port('destination-port', 0, 65_535), true), false);
  const protocol = (...names: string[]): object => ({ on: 'protocol', names });
  assert.equal(
    [may(protocol('tcp')), may(protocol('udp')), may(protocol('all')), may(protocol('udp', 'tcp'))],
    [true, false, true, true],
  );
  assert.equal([may(protocol('tcp'), true), may(protocol('udp'), true)], [false, true]);
  assert.is(may({ on: 'in-device', names: ['eth7'] }), true, 'that is not known of a packet');
});

test('ports and addresses of one packet, not of several', () => {
  const to = (text: string, port: number): Step[] => [
    when({ on: 'destination', ranges: [range(text)] }),
    when({ on: 'destination-port', ranges: [{ low: port, high: port }] }),
  ];
  assert.is(named([rule('r', ...to('172.17.0.2', 6379), REJECT)]), 'r');
  assert.is(named([rule('r', ...to('172.17.0.2', 8080), REJECT)]), null);
});

test('what a relay dialled is of the connection too, and what was not seen is not', () => {
  const gateway = rule('r', when({ on: 'source', ranges: [range('172.17.0.1')] }), REJECT);
  assert.is(named([gateway]), null);
  assert.is(named([gateway], { relay: { client: at('172.17.0.1#5') } }), 'r');
  assert.is(named([gateway], { relay: { client: null } }), null);
  const inner = rule('r', when({ on: 'destination', ranges: [range('172.17.0.2')] }), REJECT);
  assert.equal([named([inner]), named([inner], { container: null })], ['r', null]);
  assert.is(named([ONLY], { server: null, container: null }), null);
});

test('only tables of its family, or of both', () => {
  const of = (family: string, more: object = {}): string | null =>
    nameRule(connection(more), null, survey([ONLY], {}, { family } as Partial<Table>));
  assert.equal([of('ip'), of('inet'), of('ip6'), of('bridge')], ['only', 'only', null, null]);
  const six = { client: at('fd00::9#1'), server: at('fd00::1#8080'), container: null };
  assert.equal([of('ip', six), of('ip6', six)], [null, 'only']);
});

test('nothing is named where rules are missing or have changed, or where no rule of the host did it', () => {
  const where = (more: Partial<RuleSurvey>): string | null =>
    nameRule(connection(), null, survey([ONLY], more));
  assert.is(where({ complete: false }), null);
  assert.is(where({ changes: null }), null);
  assert.is(where({ changes: { counted: [], rules: { tables: [], notes: [] } } }), null);
  const ended = (end: object): string | null =>
    named([ONLY], { end: { by: 'host', how: 'rst', rule: null, cause: 'rejected', ...end } });
  assert.equal(
    [ended({ by: 'server' }), ended({ cause: 'closed' }), ended({ cause: null })],
    [null, null, null],
  );
  assert.is(ended({ cause: 'filtered', how: 'drop' }), null, 'a policy may have dropped it');
});

const predicted = (more: Partial<Predicted> = {}): Predicted =>
  ({ path: 'dropped', agrees: true, rule: 'foreseen', ...more }) as Predicted;

test('a prediction that agrees names the rule, of a drop as well', () => {
  const of = (one: Predicted, cause = 'rejected'): string | null => {
    const end = { by: 'host', how: 'drop', rule: null, cause };
    return nameRule(connection({ end }), one, survey([ONLY]));
  };
  assert.equal([of(predicted()), of(predicted({ path: 'refused' }))], ['foreseen', 'foreseen']);
  assert.is(of(predicted(), 'filtered'), 'foreseen');
  assert.is(of(predicted({ path: 'dnat' })), 'only');
  assert.is(of(predicted({ agrees: false })), 'only');
  assert.is(of(predicted({ agrees: null })), 'only');
  assert.is(of(predicted({ rule: null })), 'only');
  assert.is(of(predicted({ agrees: false }), 'filtered'), null);
});

test('where the rule is: as it was read, or as it was predicted', () => {
  const named = (one: Predicted | null): unknown =>
    nameWithPlace(connection(), one, survey([ONLY]));
  assert.equal(named(null), { rule: 'only', at: { table: 't', chain: 'c' } });
  const place = { table: 'filter', chain: 'FORWARD', line: 3 } as unknown as Predicted['at'];
  assert.equal(named(predicted({ at: place })), {
    rule: 'foreseen',
    at: { table: 'filter', chain: 'FORWARD' },
  });
  assert.equal(named(predicted({ at: null })), { rule: 'foreseen' });
});

test.run();
