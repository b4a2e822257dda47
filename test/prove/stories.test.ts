/** Verdicts on stories whose truth is told: what proves each path, and what keeps it from being proven. */
import * as assert from 'uvu/assert';
import { TCP } from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import {
  client,
  copyBack,
  elsewhere,
  nothing,
  relayed,
  relays,
  served,
  talkThroughNat,
  throughNat,
} from '../support/stories.js';
import { suite } from '../support/suite.js';
import {
  at,
  CONTAINER,
  CURL,
  HOST,
  NGINX,
  PROXY,
  PUBLISHED,
  SERVER,
  SOCAT,
  Story,
  TARGET,
  WAYS,
  type Process,
  type StoryFrame,
  type Talk,
} from '../support/story.js';

const test = suite('stories');

function judge(story: Story, frame: StoryFrame = {}): readonly Connection[] {
  return analyse(story.trace(frame)).connections;
}

/** Path, proof and outcome of the only connection. */
function verdict(story: Story, frame: StoryFrame = {}): string {
  const connections = judge(story, frame);
  assert.is(connections.length, 1);
  return connections.map(({ path, proof, outcome }) => `${path} ${proof} ${outcome}`).join();
}

/** What a claim says of the only connection; `none` where it was not made. */
function holds(story: Story, beginning: RegExp, frame: StoryFrame = {}): boolean | null | 'none' {
  const [connection] = judge(story, frame);
  const found = connection?.evidence.find(({ claim }) => beginning.test(claim));
  return found ? found.holds : 'none';
}

test('DNAT: proven by one packet under both destinations and the conntrack entry on it', () => {
  const story = talkThroughNat();
  assert.is(verdict(story), 'dnat proven answered');
  const [connection] = judge(story);
  assert.equal(connection?.nat?.hook, 'PREROUTING');
  assert.equal([connection?.bytes.fromClient, connection?.bytes.fromServer], [14, 7]);
  assert.is(holds(story, /one packet/), true);
  assert.is(holds(story, /entered redis/), true);
});

test('DNAT: the same memory with another number is another packet', () => {
  const story = new Story();
  const talk = throughNat(story);
  // The skb behind the rewriting bears another sequence number: it is not the one before.
  const renumber =
    (change: number) => (packet: Parameters<NonNullable<Parameters<Talk['send']>[2]>>[0]) =>
      packet.namespace === HOST && packet.ifindex === 2
        ? { ...packet, seq: packet.seq + change }
        : packet;
  talk.dial(CURL);
  talk.send('client', { flags: TCP.SYN }, renumber(77));
  talk.send('server', { flags: TCP.SYN | TCP.ACK });
  talk.send('client', { flags: TCP.ACK }, renumber(77));
  assert.is.not(holds(story, /one packet/), true);
});

test('a trace that lost events, that is not sealed or was cut off proves nothing', () => {
  const story = talkThroughNat();
  const tails = [{ lostEvents: 1 }, { sealed: false }, { truncated: true }];
  for (const tail of tails) {
    assert.is(verdict(story, { tail }), 'dnat likely answered', JSON.stringify(tail));
    assert.is(holds(story, /probes were live/, { tail }), false);
  }
});

test('skipped runs: an answer stands, silence does not', () => {
  const tail = { skippedRuns: 3 };
  assert.is(verdict(talkThroughNat(), { tail }), 'dnat proven answered');
  const silent = new Story();
  throughNat(silent).dial(CURL).send('client', { flags: TCP.SYN });
  assert.is(verdict(silent), 'dnat proven unanswered');
  assert.is(verdict(silent, { tail }), 'dnat likely unanswered');
  // Shaken hands without a byte are no answer that could not have been missed.
  const mute = new Story();
  throughNat(mute).dial(CURL).handshake();
  assert.match(verdict(mute, { tail }), /^dnat likely/);
});

test('skipped runs: a drop on the way is told by an event of its own, a refusal by an answer', () => {
  const tail = { skippedRuns: 3 };
  const dropped = (where: string): Story => {
    const story = new Story();
    throughNat(story)
      .dial(CURL)
      .send('client', { flags: TCP.SYN }, (packet, hop) => (hop < 3 ? packet : null));
    return story.drop('NETFILTER_DROP', where);
  };
  assert.is(verdict(dropped('nf_hook_slow')), 'dnat proven dropped');
  assert.is(verdict(dropped('nf_hook_slow'), { tail }), 'dnat proven dropped');
  assert.is(verdict(dropped('tcp_v4_rcv'), { tail }), 'dnat likely dropped');
});

test('the hook of a rewriting: PREROUTING for what arrived, OUTPUT for what a process here sent', () => {
  const hook = (story: Story): unknown => judge(story)[0]?.nat?.hook;
  assert.is(hook(talkThroughNat()), 'PREROUTING');
  const own = new Story();
  own
    .talk({ client: '198.51.100.1#40000', server: PUBLISHED, target: TARGET, way: WAYS.fromHost })
    .dial({ pid: 11, command: 'curl' })
    .handshake()
    .accept(SERVER)
    .request(14)
    .reply(7);
  assert.is(hook(own), 'OUTPUT');
  assert.is(verdict(own), 'dnat proven answered');
});

test('the hook of a rewriting that nobody saw made is not told', () => {
  const story = new Story();
  const talk = story.talk({
    client: client(40_000),
    server: PUBLISHED,
    target: TARGET,
    way: WAYS.fromHost,
  });
  talk.send('client', { flags: TCP.SYN, socket: null });
  talk.send('server', { flags: TCP.SYN | TCP.ACK, socket: null });
  talk.send('client', { flags: TCP.ACK, socket: null });
  assert.is(judge(story)[0]?.nat?.hook, null);
});

test('a server of the host: proven where all that it wrote was seen to go to its client', () => {
  assert.is(verdict(served(NGINX)), 'host proven answered');
  assert.is(holds(served(NGINX), /nginx .* accepted/), true);
});

test('a server of the host that does something else meanwhile is likely at most', () => {
  const acts: [string, (story: Story) => void][] = [
    ['a unix socket', (story) => story.aside(NGINX, 'unix', { peer: 'p' })],
    ['a pipe', (story) => story.aside(NGINX, 'pipe')],
    ['io_uring', (story) => story.aside(NGINX, 'io_uring', { operation: 'call', fd: null })],
    ['recvmmsg', (story) => story.aside(NGINX, 'recvmmsg', { operation: 'call' })],
    [
      'an older connection',
      (story) => story.aside(NGINX, 'socket', { remote: at('192.0.2.9#22') }),
    ],
  ];
  for (const [name, act] of acts)
    assert.is(verdict(served(NGINX, act)), 'host likely answered', name);
});

test('what another process does, and what it does before or after, has no bearing', () => {
  assert.is(verdict(served(NGINX, (story) => story.aside(SOCAT, 'unix'))), 'host proven answered');
  const before = new Story();
  before.aside(NGINX, 'unix').wait(1_000_000);
  const talk = before.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(NGINX).request(14).call(NGINX, 'server', 'read', 14);
  talk.call(NGINX, 'server', 'write', 7).reply(7).close();
  before.wait(1_000_000).aside(NGINX, 'unix');
  assert.is(verdict(before), 'host proven answered');
});

test('a pipe whose both ends are its own leads nowhere', () => {
  const inward = served(NGINX, (story) =>
    story
      .aside(NGINX, 'pipe', { object: 'p1', operation: 'write' })
      .aside(NGINX, 'pipe', { object: 'p1', operation: 'read' }),
  );
  assert.is(verdict(inward), 'host proven answered');
  const outward = served(NGINX, (story) =>
    story
      .aside(NGINX, 'pipe', { object: 'p1', operation: 'write' })
      .aside(NGINX, 'pipe', { object: 'p2', operation: 'read' }),
  );
  assert.is(verdict(outward), 'host likely answered');
});

test('a log on standard output is no way on; with any other way beside it, it is told', () => {
  const log = (fd: number): string =>
    verdict(served(NGINX, (story) => story.aside(NGINX, 'pipe', { fd, operation: 'write' })));
  assert.equal(
    [log(1), log(2), log(3)],
    ['host proven answered', 'host proven answered', 'host likely answered'],
  );
  const reads = served(NGINX, (story) => story.aside(NGINX, 'pipe', { fd: 1, operation: 'read' }));
  assert.is(verdict(reads), 'host likely answered');
});

test('nobody watched what it wrote: likely at most', () => {
  const trace = served(NGINX).trace();
  const blind = (witnesses: ('accepts' | 'copies' | 'asides')[]): string => {
    const probes = { ...trace.header.probes, witnesses };
    const { connections } = analyse({ ...trace, header: { ...trace.header, probes } });
    return connections.map(({ path, proof }) => `${path} ${proof}`).join();
  };
  assert.is(blind(['accepts', 'copies', 'asides']), 'host proven');
  assert.is(blind(['accepts', 'copies']), 'host likely');
  assert.is(blind(['accepts', 'asides']), 'host likely');
});

test('an accept counts only in the namespace of the host', () => {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk
    .dial(CURL)
    .handshake()
    .accept({ ...NGINX, namespace: CONTAINER });
  talk.request(14).reply(7).close();
  assert.is.not(judge(story)[0]?.path, 'host');
});

/** Of the clients' connections alone. */
function verdicts(story: Story, frame: StoryFrame = {}): string[] {
  return judge(story, frame).map(({ client: { port }, path, proof }) => `${port} ${path} ${proof}`);
}

test('a relay that copies: proven by the bytes that it read from the one and wrote to the other', () => {
  assert.is(verdict(relayed()), 'relay proven answered');
  assert.is(judge(relayed())[0]?.relay?.pid, SOCAT.pid);
});

test('a relay that splices: the kernel follows the bytes', () => {
  const story = relayed({
    process: { pid: 31, command: 'haproxy' },
    moves: (told, near, far) =>
      told.splice({ pid: 31, command: 'haproxy' }, [near, 'server'], [far, 'client'], 14),
    answer: (told, near, far) =>
      told.splice({ pid: 31, command: 'haproxy' }, [far, 'client'], [near, 'server'], 7),
  });
  assert.is(verdict(story), 'relay proven answered');
});

test('docker-proxy is known by its name', () => {
  assert.is(verdict(relayed({ process: PROXY })), 'docker-proxy proven answered');
});

test('a relay whose bytes are not those that came in is not proven (it may encrypt, or answer by itself)', () => {
  const changes = relayed({
    moves: (_, near, far) => {
      near.call(SOCAT, 'server', 'read', 14);
      far.call(SOCAT, 'client', 'write', 40, elsewhere);
    },
    answer: (_, near, far) => {
      far.call(SOCAT, 'client', 'read', 33, elsewhere);
      near.call(SOCAT, 'server', 'write', 7);
    },
  });
  assert.not.match(verdicts(changes).join(), /relay proven|host proven/);
});

test('a relay of which only one direction was followed is not proven', () => {
  const oneWay = relayed({
    answer: (_, near) => {
      near.call(SOCAT, 'server', 'write', 7, elsewhere);
    },
  });
  assert.not.match(verdict(oneWay), /proven/);
});

test('a relay that adds bytes of its own is not proven', () => {
  const more = relayed({
    answer: (told, near, far) => {
      copyBack(SOCAT)(told, near, far);
      near.call(SOCAT, 'server', 'write', 90, elsewhere);
    },
  });
  assert.is(verdict(more), 'relay likely answered');
});

test('a relay that was not seen to accept, or not to dial, is not proven', () => {
  assert.not.match(verdicts(relayed({ accepts: false })).join(), /40000 \S+ proven/);
  assert.not.match(verdicts(relayed({ dials: 'never' })).join(), /40000 \S+ proven/);
});

test('docker-proxy by its arguments needs no byte to be seen, where it listens', () => {
  const silent = relayed({ process: PROXY, moves: nothing, answer: nothing });
  const own = (frame: StoryFrame): string => verdicts(silent, frame)[0] ?? '';
  assert.is(own({}), '40000 docker-proxy likely');
  assert.is(own(relays('0.0.0.0#8080')), '40000 docker-proxy proven');
  assert.is(own(relays('0.0.0.0#8081')), '40000 docker-proxy likely');
});

test('who dialled before it accepted did not dial for this client', () => {
  const paired = (dials: 'after' | 'before'): boolean => {
    const story = relayed({ process: PROXY, dials, moves: nothing, answer: nothing });
    const own = judge(story).find(({ client: end }) => end.port === 40_000);
    return own?.relay?.client?.port === 40_001;
  };
  assert.equal([paired('after'), paired('before')], [true, false]);
});

test('a relay whose arguments name another target did not dial this one for its client', () => {
  const silent = relayed({ process: PROXY, moves: nothing, answer: nothing });
  const paired = (target: string | null): boolean =>
    judge(silent, relays('0.0.0.0#8080', target))[0]?.relay?.client?.port === 40_001;
  assert.equal([paired(TARGET), paired('172.17.0.9#6379'), paired(null)], [true, false, true]);
});

test('two clients at once, of which a relay moved no byte: which leg is whose stays open', () => {
  const story = new Story();
  const nears = [40_000, 41_000].map((port) =>
    story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port }),
  );
  for (const near of nears) near.dial(CURL).handshake().accept(PROXY);
  const fars = [50_000, 51_000].map((port) =>
    story.talk({ client: `172.17.0.1#${port}`, server: TARGET, way: WAYS.fromHost, seq: port }),
  );
  for (const far of fars) far.dial(PROXY).send('client', { flags: TCP.SYN });
  for (const near of nears) near.close();
  const links = judge(story).map(({ relay }) => relay?.client ?? null);
  assert.equal(
    links.filter((end) => end !== null),
    [],
  );
});

test('an echo server: what one client says to another over two accepted sockets makes no relay', () => {
  const story = new Story();
  const talks = [40_000, 41_000].map((port) =>
    story.talk({ client: client(port), server: PUBLISHED, way: WAYS.toHost, seq: port }),
  );
  const [one, two] = talks as [Talk, Talk];
  for (const talk of talks) talk.dial(CURL).handshake().accept(NGINX);
  one.request(14).call(NGINX, 'server', 'read', 14);
  two.call(NGINX, 'server', 'write', 14).reply(14);
  two.request(9).call(NGINX, 'server', 'read', 9);
  one.call(NGINX, 'server', 'write', 9).reply(9);
  for (const talk of talks) talk.close();
  assert.equal(
    verdicts(story).map((text) => text.replace(/ (likely|proven)$/, '')),
    ['40000 host', '41000 host'],
  );
});

test('a server that asks a database of its own is no relay, and not proven to be alone', () => {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  talk.dial(CURL).handshake().accept(NGINX).request(14).call(NGINX, 'server', 'read', 14);
  const database = story.talk({
    client: '127.0.0.1#50000',
    server: '127.0.0.1#5432',
    way: [],
    seq: 7,
  });
  database
    .dial(NGINX)
    .call(NGINX, 'client', 'write', 30, elsewhere)
    .call(NGINX, 'client', 'read', 50, { ...elsewhere, mark: 7 });
  talk.call(NGINX, 'server', 'write', 7).reply(7).close();
  assert.is(verdict(story), 'host likely answered');
});

test('the container’s own address, dialled from elsewhere: direct', () => {
  const story = new Story();
  story
    .talk({
      client: client(40_000),
      server: TARGET,
      way: WAYS.through.map((hop) => ({ ...hop, rewritten: false })),
    })
    .dial(CURL)
    .handshake()
    .accept(SERVER)
    .request(14)
    .reply(7);
  assert.is(verdict(story), 'direct proven answered');
});

test('the container’s own address, dialled by the host: a relay’s own leg unless its process is known', () => {
  const dialled = (process: Process | null, tail = {}): string => {
    const story = new Story();
    const talk = story.talk({ client: '172.17.0.1#40000', server: TARGET, way: WAYS.fromHost });
    if (process) talk.dial(process);
    talk.handshake().accept(SERVER).request(14).reply(7);
    return verdicts(story, { tail }).join();
  };
  assert.is(dialled({ pid: 11, command: 'curl' }), '40000 direct proven');
  assert.is(dialled(PROXY), '40000 unknown inconclusive');
  assert.is(dialled({ pid: 12, command: 'rootlesskit' }), '40000 unknown inconclusive');
  assert.is(dialled(null), '40000 unknown inconclusive');
  assert.is(dialled({ pid: 11, command: 'curl' }, { lostEvents: 1 }), '40000 unknown inconclusive');
  assert.is(dialled({ pid: 11, command: 'curl' }, { sealed: false }), '40000 unknown inconclusive');
  assert.is(
    dialled({ pid: 11, command: 'curl' }, { truncated: true }),
    '40000 unknown inconclusive',
  );
});

test('nobody accepted it: known only where accepts were watched, from its beginning, in a whole trace', () => {
  const story = new Story();
  const talk = throughNat(story);
  talk.dial(CURL).handshake().request(14).reply(7);
  const nobody = (told: Story, frame: StoryFrame = {}): unknown =>
    holds(told, /process of the host accepted/, frame);
  assert.is(nobody(story), false);
  assert.is(nobody(story, { tail: { lostEvents: 1 } }), null);
  assert.is(nobody(story, { tail: { truncated: true } }), null);
  const older = new Story();
  throughNat(older).request(14).reply(7);
  assert.is(nobody(older), null);
  const trace = story.trace();
  const probes = { ...trace.header.probes, witnesses: ['copies', 'asides'] as const };
  const [connection] = analyse({ ...trace, header: { ...trace.header, probes } }).connections;
  assert.is(connection?.evidence.find(({ claim }) => /host accepted/.test(claim))?.holds, null);
});

test('a process of a container on the host’s network is told with the container', () => {
  const story = new Story();
  const talk = story.talk({ client: client(40_000), server: PUBLISHED, way: WAYS.toHost });
  const nginx = { pid: 77, command: 'nginx' };
  talk.handshake().accept(nginx).request(14).reply(7);
  const trace = story.trace();
  const { topology } = trace.header;
  const tell = (...containers: readonly (string | null)[]): string | undefined => {
    const listeners = containers.map((container, index) => ({
      namespace: topology.host,
      protocol: 'tcp' as const,
      local: { address: '0.0.0.0', port: 8080 + index },
      ...nginx,
      ...(container !== null && { container }),
    }));
    const header = { ...trace.header, topology: { ...topology, listeners } };
    return analyse({ ...trace, header }).connections[0]?.reason;
  };
  assert.match(
    tell('web', 'web') ?? '',
    /^nginx \(pid 77\) of web, on the host's network, accepted/,
  );
  assert.match(tell('web', null) ?? '', /^nginx \(pid 77\) of the host accepted/);
  assert.match(tell() ?? '', /^nginx \(pid 77\) of the host accepted/);
});

test('evidence for two paths at once is none', () => {
  const story = new Story();
  const talk = throughNat(story);
  talk
    .dial(CURL)
    .handshake()
    .accept(PROXY, { local: at(PUBLISHED) })
    .request(14)
    .reply(7);
  assert.is(judge(story)[0]?.path, 'unknown');
  assert.is(judge(story)[0]?.proof, 'inconclusive');
});

test('what was not dialled at the target is not told', () => {
  const story = new Story();
  story
    .talk({ client: client(40_000), server: '198.51.100.1#9999', way: WAYS.toHost })
    .dial(CURL)
    .handshake();
  assert.is(judge(story).length, 0);
  assert.is(judge(talkThroughNat()).length, 1);
});

test.run();
