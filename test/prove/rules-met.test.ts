/** Rules that packets met, given to the connections that they belong to. */
import * as assert from 'uvu/assert';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import type { Connection } from '../../src/model/report.js';
import type { RuleTrace } from '../../src/model/rule-trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { attributeRules } from '../../src/prove/hops/rules-met.js';
import { renderTerminal } from '../../src/render/terminal/terminal.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('rules met');

function only(name: string): Connection {
  const [one] = analyse(readSample(name)).connections;
  assert.ok(one);
  return one;
}

const wallOf = ({ hops }: Connection): number => Number(BigInt(hops[0]?.time ?? '0') / 1_000_000n);

function traceOf(
  one: Connection,
  source: Connection['client'],
  destination: Connection['client'],
  ...rules: string[]
): RuleTrace {
  const met = rules.map((rule) => ({
    family: 'ip',
    table: 'nat',
    chain: 'DOCKER',
    rule,
    verdict: 'accept',
  }));
  return { wall: wallOf(one) + 3, protocol: 'tcp', source, destination, met };
}

test('the first packet of each leg counts; what was sent again tells nothing new', () => {
  const one = only('proxy-loopback');
  const { client, server, container, relay } = one;
  assert.ok(server && container && relay?.client);
  const [judged] = attributeRules(
    [one],
    [
      traceOf(one, client, server, 'first'),
      traceOf(one, client, server, 'again'),
      traceOf(one, relay.client, container, 'own leg'),
      traceOf(one, { ...client, port: 9 }, server, 'another client'),
    ],
  );
  assert.equal(
    judged?.rules?.map(({ leg, rule }) => [leg, rule]),
    [
      ['client', 'first'],
      ['container', 'own leg'],
    ],
  );
});

test('of connections with the same addresses the one that had begun last is meant', () => {
  const early = only('dnat-outside');
  const late: Connection = {
    ...early,
    hops: early.hops.map((hop) => ({ ...hop, time: String(BigInt(hop.time) + 10n ** 10n) })),
  };
  const { client, server } = early;
  assert.ok(server);
  const traces = [traceOf(early, client, server, 'first'), traceOf(late, client, server, 'second')];
  const rules = attributeRules([early, late], traces).map((one) =>
    one.rules?.map(({ rule }) => rule),
  );
  assert.equal(rules, [['first'], ['second']]);
});

test('a recording keeps them, and the report for people tells them in order', () => {
  const sample = readSample('dnat-outside');
  assert.is('rules' in only('dnat-outside'), false, 'without the flag there is nothing to tell');
  const one = only('dnat-outside');
  assert.ok(one.server);
  const rule = 'tcp dport 8080 counter dnat to 172.17.0.2:6379';
  const rules = [traceOf(one, one.client, one.server, 'fib daddr type local jump DOCKER', rule)];
  const trace = { ...sample, tail: { ...sample.tail, rules } };
  const read = parseRecording(formatRecording(trace), 'with rules');
  assert.equal(read, trace);
  const text = renderTerminal(analyse(read), { columns: 100 });
  assert.match(text, /rules: .*\n +ip nat DOCKER: fib daddr .*\n +ip nat DOCKER: tcp dport 8080/);
});

test.run();
