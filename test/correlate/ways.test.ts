/**
 * Other connections on which a process reads and writes while it serves; calls that were only counted matter as well.
 */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { suite } from '../support/suite.js';
import { client, served } from '../support/stories.js';
import {
  at,
  CURL,
  NGINX,
  PUBLISHED,
  SOCAT,
  Story,
  WAYS,
  type Process,
  type Talk,
} from '../support/story.js';
import { firstOfEach, type RelayWay } from '../../src/correlate/ways.js';

const test = suite('ways elsewhere');

const PORT = '198.51.100.1#8080';

/** A server that has a connection to its database from before, and answers a client. */
interface Served {
  /** Bytes that the kernel counted in the end on the database's socket; told were 14. */
  readonly total: number;
  readonly by?: Process;
  /** The database's connection ends before the client comes. */
  readonly over?: true;
  /** The calls on it are told after the answer. */
  readonly late?: true;
}

function serve({ total, by = NGINX, over, late }: Served): Connection | undefined {
  const story = new Story();
  const other = story.talk({
    client: '198.51.100.1#40001',
    server: '198.51.100.9#5432',
    way: WAYS.toHost,
  });
  const ask = (): void => {
    other.call(by, 'client', 'write', 14);
  };
  if (over) other.handshake();
  if (!late) ask();
  const talk = story.talk({ client: '198.51.100.2#40000', server: PORT, way: WAYS.toHost });
  if (over) {
    other.close();
    story.wait(2_000_000_000);
  }
  answer(talk);
  if (late) ask();
  talk.close();
  const { socket, local, remote } = other.ends('client');
  story.tell({
    ...story.stamp(),
    kind: 'total',
    operation: 'write',
    to: null,
    bytes: total,
    from: { socket, localPort: local.port, remotePort: remote.port, life: 1 },
  });
  return analyse(story.trace()).connections.find(({ server }) => server?.port === 8080);
}

function answer(talk: Talk): void {
  talk.handshake().accept(NGINX).request(14);
  talk.call(NGINX, 'server', 'read', 14);
  talk.reply(7);
  talk.call(NGINX, 'server', 'write', 7);
}

const proof = (served: Served): string | undefined => serve(served)?.proof;

test('calls on a connection of its own that went untold may have been for this client', () => {
  assert.is(proof({ total: 14 }), 'proven');
  const untold = serve({ total: 15 });
  assert.equal([untold?.path, untold?.proof], ['host', 'likely']);
  assert.match(untold?.reason ?? '', /a connection to 198\.51\.100\.9:5432/);
});

test('of a process of another name they are not; of its own name they are', () => {
  assert.is(proof({ total: 99, by: SOCAT }), 'proven');
  assert.is(proof({ total: 99, by: { ...NGINX, pid: NGINX.pid + 1 } }), 'likely');
});

test('a connection that was over before, or whose calls were told until later, took none', () => {
  assert.is(proof({ total: 99, over: true }), 'proven');
  assert.is(proof({ total: 99, late: true }), 'proven');
});

type Act = (story: Story, talk: Talk) => void;

/** Path and proof of a client whose server does something else before it answers. */
const during = (act: Act): string => told(served(NGINX, act));

/** The same of what it does behind its answer, while the client still waits for the end, and behind that. */
function after(act: Act, ended = false): string {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL);
  answer(talk);
  if (ended) talk.close();
  act(story.wait(1_000), talk);
  if (!ended) talk.close();
  return told(story);
}

function told(story: Story): string {
  return analyse(story.trace())
    .connections.map(({ path, proof }) => `${path} ${proof}`)
    .join();
}

const PROVEN = 'host proven';
const LIKELY = 'host likely';

test('a pair of unix sockets whose both ends are its own leads nowhere; another’s end does', () => {
  const pair =
    (peer: string, reads: Process = NGINX): Act =>
    (story) => {
      story.aside(NGINX, 'unix', { object: 'u1', peer, operation: 'write' });
      story.aside(reads, 'unix', { object: 'u2', peer: 'u1', operation: 'read' });
    };
  assert.is(during(pair('u2')), PROVEN);
  assert.is(during(pair('u3')), LIKELY);
  assert.is(during(pair('u2', SOCAT)), LIKELY, 'another process reads there');
  const pipe: Act = (story) => {
    story.aside(NGINX, 'pipe', { object: 'p1', peer: 'p2', operation: 'write' });
    story.aside(NGINX, 'pipe', { object: 'p2', peer: 'p1', operation: 'read' });
  };
  assert.is(during(pipe), LIKELY, 'a pipe has one object for both ends');
  const device: Act = (story) => {
    story.aside(NGINX, 'device', { object: 'd', peer: 'd', operation: 'write' });
    story.aside(NGINX, 'device', { object: 'd', peer: 'd', operation: 'read' });
  };
  assert.is(during(device), LIKELY, 'of a device nobody knows who else reads it');
});

test('sums at the end: calls that were not told may have been in time, unless all were, or the last told one was late', () => {
  const sum =
    (calls: number): Act =>
    (story) => {
      story.aside(NGINX, 'pipe', { fd: 1, object: 'p', calls, sum: true });
    };
  // On standard output: a log alone, which is no way on.
  assert.is(after(sum(9), true), PROVEN, 'a log');
  const other =
    (told: number | null, calls: number): Act =>
    (story) => {
      if (told !== null) story.aside(NGINX, 'unix', { object: 'o', calls: told });
      story.aside(NGINX, 'unix', { object: 'o', calls, sum: true });
    };
  assert.is(after(other(null, 3), true), LIKELY, 'never told');
  assert.is(after(other(3, 3), true), PROVEN, 'all of them told, behind the answer');
  assert.is(after(other(3, 9), true), PROVEN, 'the last one told was behind the answer');
  const early = (calls: number): string => {
    const story = new Story();
    story.aside(NGINX, 'unix', { object: 'o', calls: 3 }).wait(1_000_000);
    const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
    talk.dial(CURL);
    answer(talk);
    talk.close();
    story.aside(NGINX, 'unix', { object: 'o', calls, sum: true });
    return told(story);
  };
  assert.is(early(3), PROVEN, 'all of them told, before the client');
  assert.is(early(4), LIKELY, 'one more, at whatever time');
  const another: Act = (story) => {
    story.aside(SOCAT, 'unix', { object: 'o', calls: 9, sum: true });
  };
  assert.is(after(another, true), PROVEN, 'another process');
});

test('what comes behind the answer is no way on but a dial, as long as the connection is open', () => {
  const write: Act = (story) => {
    story.aside(NGINX, 'unix');
  };
  const elsewhere = (story: Story): Talk =>
    story.talk({ client: '127.0.0.1#50000', server: '127.0.0.1#5432', way: [], seq: 7 });
  const call: Act = (story) => {
    elsewhere(story).call(NGINX, 'client', 'write', 30, { buffer: 'b9', mark: 99 });
  };
  const dial: Act = (story) => {
    elsewhere(story).dial(NGINX);
  };
  assert.equal([during(write), after(write), after(write, true)], [LIKELY, PROVEN, PROVEN]);
  assert.equal([during(call), after(call), after(call, true)], [LIKELY, PROVEN, PROVEN]);
  assert.equal([during(dial), after(dial), after(dial, true)], [LIKELY, LIKELY, PROVEN]);
});

test('what became of a socket says nothing; that it dials does', () => {
  const state =
    (to: number): Act =>
    (story) => {
      story
        .talk({ client: '127.0.0.1#50000', server: '127.0.0.1#5432', way: [], seq: 7 })
        .dial(NGINX, { from: 7, to });
    };
  assert.is(during(state(2)), LIKELY, 'SYN_SENT');
  assert.is(during(state(1)), PROVEN, 'ESTABLISHED');
  assert.is(during(state(7)), PROVEN, 'CLOSE');
});

test('one way of each kind and end: what it dialled it also speaks to', () => {
  const way = (what: RelayWay['what'], to: string | null): RelayWay =>
    ({ what, to: to === null ? null : at(to), event: {} }) as RelayWay;
  const ways = [
    way('dial', '10.0.0.1#1'),
    way('call', '10.0.0.1#1'),
    way('call', '10.0.0.1#2'),
    way('call', '10.0.0.2#1'),
    way('socket', '10.0.0.1#1'),
    way('pipe', null),
    way('pipe', null),
    way('unix', null),
  ];
  assert.equal(
    firstOfEach(ways).map((one) => ways.indexOf(one)),
    [0, 2, 3, 4, 5, 7],
  );
});

test.run();
