/** Legs of relays that serve several clients at once: kept answers, shared connections, bytes of another client. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { suite } from '../support/suite.js';
import {
  CURL,
  PUBLISHED,
  SERVER,
  SOCAT,
  Story,
  TARGET,
  WAYS,
  type Talk,
} from '../support/story.js';

const test = suite('pairing of legs');

const QUERY = 14;
const REPLY = 7;

/** A client of the process, up to its request, which is read to a place of its own. */
function ask(story: Story, port: number, buffer: string): Talk {
  const client = `198.51.100.2#${port}`;
  const talk = story.talk({ client, server: PUBLISHED, way: WAYS.toHost, seq: port });
  talk.dial(CURL).handshake().accept(SOCAT).request(QUERY);
  return talk.call(SOCAT, 'server', 'read', QUERY, { buffer, mark: port });
}

function answer(talk: Talk, buffer: string, mark = REPLY): void {
  talk.call(SOCAT, 'server', 'write', REPLY, { buffer, mark });
  talk.reply(REPLY).close();
}

function dial(story: Story, port: number): Talk {
  const far = story.talk({
    client: `172.17.0.1#${port}`,
    server: TARGET,
    way: WAYS.fromHost,
    seq: port,
  });
  return far.dial(SOCAT).handshake().accept(SERVER);
}

/** What a client asked, from the place that it was read to, goes to the container, whose answer is read to `b0`. */
function handOn(far: Talk, buffer: string, mark: number): void {
  far.call(SOCAT, 'client', 'write', QUERY, { buffer, mark });
  far.request(QUERY).reply(REPLY);
  far.call(SOCAT, 'client', 'read', REPLY, { buffer: 'b0' });
}

const verdicts = (story: Story): string[] =>
  judge(story).map(({ client: { port }, path, proof }) => `${port} ${path} ${proof}`);

const judge = (story: Story): readonly Connection[] => analyse(story.trace()).connections;

test('an answer that was kept from another client’s connection relays nothing of this one’s request', () => {
  const story = new Story();
  const first = ask(story, 40_000, 'b1');
  const far = dial(story, 41_000);
  handOn(far, 'b1', 40_000);
  answer(first, 'b0');
  const second = ask(story, 42_000, 'b2');
  answer(second, 'b0');
  far.close();
  assert.equal(verdicts(story), ['40000 relay proven', '42000 host proven']);
});

/** One client is relayed while the process answers another by itself. */
function serveBoth(more: number): Story {
  const story = new Story();
  const own = ask(story, 40_000, 'b2');
  const relayed = ask(story, 42_000, 'b1');
  const far = dial(story, 43_000);
  handOn(far, 'b1', 42_000);
  if (more > 0) relayed.call(SOCAT, 'server', 'write', more, { buffer: 'b5', mark: 5 });
  answer(relayed, 'b0');
  far.close();
  answer(own, 'b6', 66);
  return story;
}

test('what carried another client’s bytes and nothing else carried none of this one’s', () => {
  assert.equal(verdicts(serveBoth(0)), ['40000 host proven', '42000 relay proven']);
});

test('where the relayed client got more than came from there, nobody knows what else went over it', () => {
  const story = serveBoth(3);
  assert.equal(verdicts(story), ['40000 host likely', '42000 relay likely']);
  assert.match(judge(story)[0]?.reason ?? '', 'it also dialled 172.17.0.2:6379');
});

test('a connection that two clients’ requests went into is neither’s: both are likely', () => {
  const story = new Story();
  const first = ask(story, 40_000, 'b1');
  const far = dial(story, 41_000);
  handOn(far, 'b1', 40_000);
  answer(first, 'b0');
  const second = ask(story, 42_000, 'b2');
  handOn(far, 'b2', 42_000);
  answer(second, 'b0');
  far.close();
  assert.equal(verdicts(story), ['40000 relay likely', '42000 relay likely']);
  for (const { reason } of judge(story)) {
    assert.match(reason, 'which of its bytes are this client’s was not followed');
  }
});

test('a dial for one client is none for another that came later', () => {
  const story = new Story();
  const first = ask(story, 40_000, 'b1');
  const far = dial(story, 41_000);
  handOn(far, 'b1', 40_000);
  answer(first, 'b0');
  far.close();
  story.wait(2_000_000_000);
  const second = ask(story, 42_000, 'b2');
  answer(second, 'b6', 66);
  assert.equal(verdicts(story), ['40000 relay proven', '42000 host proven']);
});

test.run();
