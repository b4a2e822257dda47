// Where else a process reads and writes while it serves: calls that were not told one by one count as well.

import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { suite } from '../support/suite.js';
import { NGINX, SOCAT, Story, WAYS, type Process, type Talk } from '../support/story.js';

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
    ...{ ...story.stamp(), kind: 'total', operation: 'write', to: null, bytes: total },
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

test.run();
