/** The verdict of a whole report: the sum over its connections, the one remedy, a report on some of them. */
import * as assert from 'uvu/assert';
import type { Finding } from '../../../src/model/explain.js';
import type { Failure } from '../../../src/model/headline.js';
import type { Connection } from '../../../src/model/report.js';
import type { Topology } from '../../../src/model/topology.js';
import { analyse } from '../../../src/prove/analyse.js';
import { findFix, isAbout } from '../../../src/prove/verdict/fix.js';
import { focusReport } from '../../../src/prove/verdict/focus-report.js';
import { findUnpublished } from '../../../src/prove/verdict/unpublished.js';
import { client, served, talkThroughNat } from '../../support/stories.js';
import { CURL, NGINX, PUBLISHED, Story, TARGET, WAYS } from '../../support/story.js';
import { suite } from '../../support/suite.js';

const test = suite('parts of the verdict');

const FAILURE = {
  count: 1,
  outcome: 'dropped',
  rule: null,
  cause: null,
  target: { name: 'redis', port: 6379, address: '172.17.0.2' },
  relay: null,
} as unknown as Failure;

const failure = (change: Partial<Failure>): Failure => ({ ...FAILURE, ...change });
const finding = (about: Finding['about'], code = 'x'): Finding => ({
  code,
  remedy: `mend ${code}`,
  severity: 'error',
  evidence: '',
  about,
});

test('a finding is about a failure where it names its rule, its process, or the socket that is missing', () => {
  const listening = failure({ cause: 'not-listening' });
  assert.is(isAbout(finding(undefined), FAILURE), false);
  assert.is(isAbout(finding({ rule: '-A X' }), failure({ rule: '-A X' })), true);
  assert.is(isAbout(finding({ rule: '-A Y' }), failure({ rule: '-A X' })), false);
  assert.is(isAbout(finding({ rule: '-A Y' }), FAILURE), false);
  const relay = { pid: 40, command: 'docker-proxy' } as Failure['relay'];
  assert.is(isAbout(finding({ pid: 40 }), failure({ relay })), true);
  assert.is(isAbout(finding({ pid: 41 }), failure({ relay })), false);
  assert.is(isAbout(finding({ pid: 40 }), FAILURE), false);
  const missing = { container: 'redis', port: 6379 };
  assert.is(isAbout(finding(missing), listening), true);
  assert.is(isAbout(finding(missing), FAILURE), false, 'of another cause');
  assert.is(isAbout(finding({ ...missing, port: 1 }), listening), false);
  assert.is(isAbout(finding({ ...missing, container: 'web' }), listening), false);
  assert.is(isAbout(finding(missing), failure({ cause: 'not-listening', target: null })), false);
});

test('the one remedy: of the first failure that has one, of its finding before that of its cause', () => {
  const one = failure({ rule: '-A X' });
  const two = failure({ rule: '-A Y' });
  const faults = [finding({ rule: '-A Y' }, 'y'), finding({ rule: '-A X' }, 'x')];
  const of = { count: 1, outcomes: ['dropped'] };
  assert.equal(findFix([one, two], faults, null), { code: 'x', remedy: 'mend x', of });
  assert.equal(findFix([two, one], faults, null), { code: 'y', remedy: 'mend y', of });
  assert.equal(findFix([one, one], faults, null), { code: 'x', remedy: 'mend x' });
  assert.is(findFix([], faults, null), null);
});

/** A client through NAT, and one that a process of the host answers. */
function twoWays(): Story {
  const story = talkThroughNat();
  const talk = story.talk({
    client: client(41_000),
    server: '198.51.100.1#9090',
    way: WAYS.toHost,
    seq: 9,
  });
  talk.dial(CURL).send('client', { flags: 2 });
  return story;
}

test('the verdict of several: mixed where they are, as weak as the weakest, with counts', () => {
  const trace = twoWays().trace();
  const { header } = trace;
  const target = { ...header.target, asked: [8080, 9090] };
  const report = analyse({ ...trace, header: { ...header, target } });
  const { path, proof, outcome, counts } = report.verdict;
  assert.equal([path, proof, outcome], ['mixed', 'inconclusive', 'mixed']);
  assert.equal(counts, [
    { path: 'dnat', outcome: 'answered', count: 1 },
    { path: 'unknown', outcome: 'unanswered', count: 1 },
  ]);
  const focused = focusReport(
    {
      ...report,
      findings: [
        { code: 'x', connections: [2] },
        { code: 'y', connections: [1, 2] },
      ] as never,
    },
    [1],
  );
  assert.equal([focused.verdict.path, focused.verdict.proof], ['dnat', 'proven']);
  assert.equal(focused.target.ports, [8080]);
  assert.equal(
    focused.connections.map(({ id }) => id),
    [1],
  );
  assert.equal(
    focused.findings?.map(({ code }) => code),
    ['y'],
  );
  assert.equal(
    focused.statistics.map((row) => `${row.path} ${row.count}`),
    ['dnat 1'],
  );
  const other = focusReport(report, [2]);
  assert.equal([other.verdict.path, other.verdict.outcome], ['none', 'unanswered']);
  assert.equal(other.target.ports, [9090]);
  assert.is(other.findings, undefined);
  const none = focusReport(report, [3]);
  assert.equal(
    [none.verdict.path, none.verdict.proof, none.verdict.outcome],
    ['none', 'inconclusive', null],
  );
  assert.equal(none.target.ports, [8080, 9090]);
  assert.is(none.verdict.reason, 'no matching traffic was seen');
});

test('nothing seen: what the trace lacks is said', () => {
  const reason = (tail: object): string => analyse(new Story().trace({ tail })).verdict.reason;
  assert.is(reason({}), 'no matching traffic was seen');
  assert.is(reason({ sealed: false }), 'no matching traffic was seen (the trace is not sealed)');
  assert.is(reason({ sealed: false, notes: ['cut'] }), 'no matching traffic was seen (cut)');
});

test('of one connection its own reason, behind what became of it', () => {
  const { verdict, connections } = analyse(served(NGINX).trace());
  assert.is(verdict.reason, connections[0]?.reason);
  const silent = new Story();
  silent
    .talk({ client: client(40_000), server: PUBLISHED, target: TARGET, way: WAYS.through })
    .dial(CURL)
    .send('client', { flags: 2 });
  const failed = analyse(silent.trace());
  assert.ok(failed.verdict.reason.endsWith(`; ${failed.connections[0]?.reason}`));
});

const NOBODY = { by: null, how: null, rule: null, cause: null } as const;
const ENGINE = { product: 'docker' } as unknown as Topology['engine'];

test('a port that nobody publishes: what is published instead, and who listens there', () => {
  const { topology } = new Story().trace().header;
  const asked = (
    change: Partial<Topology> = {},
    target: object = {},
    seen: readonly Pick<Connection, 'outcome'>[] = [],
  ) =>
    findUnpublished(
      { asked: [9090], mappings: [], ...target },
      { ...topology, engine: ENGINE, listened: true, ...change },
      seen.map(({ outcome }) => ({ outcome, path: 'unknown', end: NOBODY })),
    );
  const found = asked();
  assert.equal(found, {
    port: 9090,
    more: 0,
    listens: [],
    published: [{ address: '0.0.0.0', port: 8080, container: 'redis', inside: 6379 }],
  });

  assert.is(asked({ engine: null }), null);
  assert.is(asked({}, { asked: [] }), null);
  assert.is(asked({}, { asked: [9090, 1] }), null);
  assert.is(asked({}, { mappings: [{}] }), null);
  assert.is(asked({}, {}, [{ outcome: 'answered' }]), null);
  assert.ok(asked({}, {}, [{ outcome: 'refused' }]));
  const [container] = topology.containers;
  const publishing = (hostPort: number, containerPort = 1): object => ({
    protocol: 'tcp',
    hostAddress: '0.0.0.0',
    hostPort,
    containerPort,
  });
  const many = Array.from({ length: 10 }, (_none, i) => ({
    ...container,
    published: [publishing(i + 1)],
  }));
  const more = asked({ containers: many as never });
  assert.equal([more?.published.length, more?.more], [8, 2]);
  const both = { ...publishing(7), hostAddress: '::' };
  const leading = asked({
    containers: [{ ...container, published: [publishing(7), both, publishing(8, 9090)] }] as never,
  });
  assert.equal(
    leading?.published.map(({ port, inside }) => [port, inside]),
    [
      [8, 9090],
      [7, 1],
    ],
  );
  const listens = (port: number, namespace = 1): object => ({
    protocol: 'tcp',
    namespace,
    local: { address: '0.0.0.0', port },
    command: 'nginx',
    pid: 5,
  });
  const told = asked({ listeners: [listens(1), listens(9090), listens(9090, 77)] as never });
  assert.equal(
    told?.listens?.map(({ namespace }) => namespace),
    ['host', 'netns-77'],
  );
  // Where not all sockets could be looked up, none found says nothing.
  assert.is(asked({ listened: false })?.listens, null);
  assert.is(asked({ heard: [8080] })?.listens, null);
  assert.equal(asked({ heard: [9090] })?.listens, []);
  assert.is(asked({ unheard: [1] as never })?.listens, null);
  assert.is(
    asked({ unheard: [1] as never, listeners: [listens(9090)] as never })?.listens?.length,
    1,
  );
});

test.run();
