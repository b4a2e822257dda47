/** Sockets that one process made and another one used: the descriptor was passed on, and the reason says so. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { suite } from '../support/suite.js';
import {
  NGINX,
  PUBLISHED,
  SERVER,
  SOCAT,
  Story,
  TARGET,
  WAYS,
  type Process,
} from '../support/story.js';

const test = suite('handed sockets');

interface Relaying {
  readonly accepts: Process | null;
  readonly dials: Process | null;
  readonly moves: Process;
}

/** A relay between a client and the container, whose parts several processes play; null: before the trace began. */
function relay({ accepts, dials, moves }: Relaying): Connection | undefined {
  const story = new Story();
  const near = story.talk({ client: '198.51.100.2#40000', server: PUBLISHED, way: WAYS.toHost });
  const far = story.talk({ client: '172.17.0.1#50000', server: TARGET, way: WAYS.fromHost });
  near.handshake();
  if (accepts) near.accept(accepts);
  if (dials) far.dial(dials);
  far.handshake().accept(SERVER);
  near.request(14);
  near.call(moves, 'server', 'read', 14);
  far.call(moves, 'client', 'write', 14);
  far.request(14).reply(7);
  far.call(moves, 'client', 'read', 7);
  near.call(moves, 'server', 'write', 7);
  near.reply(7).close();
  far.close();
  return analyse(story.trace()).connections.find(({ server }) => server?.port === 8080);
}

const told = (relaying: Relaying): unknown => {
  const one = relay(relaying);
  return [one?.path, one?.proof];
};

test('one process accepts, dials and moves the bytes: a proven relay', () => {
  assert.equal(told({ accepts: SOCAT, dials: SOCAT, moves: SOCAT }), ['relay', 'proven']);
});

test('a worker that was handed one of its sockets is likely to be the relay, and is named', () => {
  for (const [accepts, dials] of [
    [NGINX, SOCAT],
    [SOCAT, NGINX],
    [NGINX, NGINX],
  ] as const) {
    const one = relay({ accepts, dials, moves: SOCAT });
    assert.equal([one?.path, one?.proof, one?.relay?.pid], ['relay', 'likely', SOCAT.pid]);
    assert.match(
      one?.reason ?? '',
      'another process accepted or dialled one of the two and handed it on',
    );
  }
});

test('a socket from before the trace was not handed on', () => {
  const one = relay({ accepts: SOCAT, dials: null, moves: SOCAT });
  assert.equal([one?.path, one?.proof], ['relay', 'likely']);
  assert.match(one?.reason ?? '', 'before the trace began');
});

/** A server whose calls other processes than the one that accepted make. */
function serve(read: Process, write: Process): Connection | undefined {
  const story = new Story();
  const talk = story.talk({ client: '198.51.100.2#40000', server: PUBLISHED, way: WAYS.toHost });
  talk.handshake().accept(NGINX).request(14);
  talk.call(read, 'server', 'read', 14);
  talk.reply(7);
  talk.call(write, 'server', 'write', 7);
  talk.close();
  return analyse(story.trace()).connections[0];
}

test('a server of the host whose socket another process uses is not proven to answer by itself', () => {
  assert.is(serve(NGINX, NGINX)?.proof, 'proven');
  for (const [read, write] of [
    [SOCAT, SOCAT],
    [NGINX, SOCAT],
    [SOCAT, NGINX],
  ] as const) {
    const one = serve(read, write);
    assert.equal([one?.path, one?.proof], ['host', 'likely']);
    assert.match(one?.reason ?? '', /socat \(pid 30\) also used its socket/);
  }
});

test('a process that wrote nothing of the answer is not said to answer itself', () => {
  const told = (watched: boolean): Connection | undefined => {
    const story = new Story();
    const talk = story.talk({ client: '198.51.100.2#40000', server: PUBLISHED, way: WAYS.toHost });
    talk.handshake().accept(NGINX).request(14);
    if (watched) talk.call(NGINX, 'server', 'read', 14).call(NGINX, 'server', 'write', 7);
    talk.reply(7).close();
    return analyse(story.trace()).connections[0];
  };
  assert.match(told(true)?.reason ?? '', 'answers itself');
  const silent = told(false);
  assert.equal([silent?.path, silent?.proof], ['host', 'likely']);
  assert.not.match(silent?.reason ?? '', 'answers itself');
  assert.match(silent?.reason ?? '', 'none of its answer of 7 B was seen to be written by it');
  assert.match(silent?.reason ?? '', 'handed the socket to another process');
});

test.run();
