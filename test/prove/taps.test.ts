/** Port drivers that write frames into a tap: the legs belong together by the client's own port, and are proven by no less than all that shows it. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../src/model/report.js';
import type { Topology } from '../../src/model/topology.js';
import { analyse } from '../../src/prove/analyse.js';
import { suite } from '../support/suite.js';
import {
  CONTAINER,
  HOST,
  NGINX,
  PUBLISHED,
  SERVER,
  Story,
  WAYS,
  type Process,
} from '../support/story.js';

const test = suite('port drivers with a tap');

const PASTA: Process = { pid: 60, command: 'pasta.avx2' };
const INSIDE = '10.0.2.100#6379';
const TAP = 9;
const CLIENT = '198.51.100.2#40000';
/** Out of the tap into the container. */
const FROM_TAP = [{ namespace: CONTAINER, ifindex: TAP, direction: 'in' }] as const;

interface Setting {
  readonly client?: string;
  readonly upstream?: string;
  readonly accepts?: Process;
  /** Bytes of the request behind the tap. */
  readonly carried?: number;
  readonly tap?: boolean;
  readonly driver?: Partial<NonNullable<Topology['drivers']>[number]>;
  /** Another connection out of the tap. */
  readonly rival?: string;
  /** The frames come before the client's. */
  readonly early?: boolean;
}

function run(setting: Setting): readonly Connection[] {
  const { client = CLIENT, upstream = CLIENT, accepts = PASTA, carried = 14 } = setting;
  const story = new Story();
  const near = story.talk({ client, server: PUBLISHED, way: WAYS.toHost });
  const sockets = ['frames', 'inside'] as const;
  const far = story.talk({ client: upstream, server: INSIDE, way: FROM_TAP, seq: 7000, sockets });
  if (setting.early) far.handshake();
  near.handshake().accept(accepts);
  if (!setting.early) far.handshake();
  far.accept(SERVER);
  near.request(14);
  far.request(carried).reply(7);
  near.reply(7);
  if (setting.rival !== undefined) {
    const rival = story.talk({ client: setting.rival, server: INSIDE, way: FROM_TAP, seq: 9000 });
    rival.handshake().close();
  }
  near.close();
  far.close();
  const trace = story.trace();
  const { topology } = trace.header;
  const namespaces = topology.namespaces.map((one) => {
    const device = { ...one.devices[0], ifindex: TAP, name: 'tap0', kind: 'other' as const };
    const addresses = ['10.0.2.100/24'];
    const tap = {
      ...device,
      addresses,
      master: null,
      peerIfindex: null,
      peerNamespace: null,
      ...(setting.tap !== false && { tap: true as const }),
    };
    return one.inode === CONTAINER ? { ...one, devices: [...one.devices, tap] } : one;
  });
  const { pid, command } = PASTA;
  const driver = { pid, command, namespaces: [CONTAINER], ports: [], ...setting.driver };
  const own = { ...topology, namespaces, drivers: [driver] };
  return analyse({ ...trace, header: { ...trace.header, topology: own } }).connections;
}

const first = (setting: Setting): unknown => {
  const one = run(setting).find(({ server }) => server?.port === 8080);
  return [one?.path, one?.proof, one?.container?.name ?? null];
};

test('the client’s own address and port on both sides, and as many bytes: proven, with its container', () => {
  assert.equal(first({}), ['relay', 'proven', 'redis']);
  const [one, ...more] = run({});
  assert.equal(more, [], 'the leg out of the tap is no connection of its own');
  assert.equal(one?.relay?.client, { address: '198.51.100.2', port: 40_000 });
  assert.match(one?.evidence.map(({ claim }) => claim).join('\n') ?? '', /into its tap device/);
});

test('other bytes behind the tap, or another source with the same port, are likely', () => {
  assert.equal(first({ carried: 15 }), ['relay', 'likely', 'redis']);
  const local = { client: '127.0.0.1#40000', upstream: '10.0.2.2#40000' };
  assert.equal(first(local), ['relay', 'likely', 'redis']);
});

test('nothing is paired with what does not fit', () => {
  const apart: Record<string, Setting> = {
    'another port': { upstream: '198.51.100.2#40001' },
    'another address of a client from outside': { upstream: '198.51.100.9#40000' },
    'no tap': { tap: false },
    'another namespace': { driver: { namespaces: [HOST + 98] } },
    'another port by its arguments': {
      driver: { ports: [{ protocol: 'tcp', hostPort: 8080, containerPort: 6380 }] },
    },
    'frames before the client’s': { early: true },
    'another process': { accepts: NGINX },
  };
  for (const [name, setting] of Object.entries(apart)) {
    const [path, proof] = first(setting) as string[];
    assert.not.equal(`${path} ${proof}`, 'relay proven', name);
    const one = run(setting).find(({ server }) => server?.port === 8080);
    assert.is(one?.relay?.client ?? null, null, name);
  }
});

test('two that fit are a choice, and none is made', () => {
  const local = { client: '127.0.0.1#40000', upstream: '10.0.2.2#40000' };
  const one = run({ ...local, rival: '10.0.2.3#40000' }).find(
    ({ server }) => server?.port === 8080,
  );
  assert.equal([one?.path, one?.proof, one?.relay?.client], ['relay', 'likely', null]);
});

test('a socket that the driver’s child dialled in the other namespace is the driver’s own', () => {
  const kit: Process = { pid: 70, command: 'rootlesskit' };
  const child: Process = { pid: 71, command: 'exe', namespace: CONTAINER };
  const relay = (namespaces: readonly number[]): unknown => {
    const story = new Story();
    const near = story.talk({ client: CLIENT, server: PUBLISHED, way: WAYS.toHost });
    const way = [{ namespace: CONTAINER, ifindex: 1, direction: 'out' }] as const;
    const far = story.talk({ client: '127.0.0.1#50000', server: '127.0.0.1#6379', way, seq: 7000 });
    near.handshake().accept(kit);
    far.dial(child).handshake().accept(SERVER);
    near.request(14);
    story.splice(kit, [near, 'server'], [far, 'client'], 14);
    far.request(14).reply(7);
    story.splice(kit, [far, 'client'], [near, 'server'], 7);
    near.reply(7).close();
    far.close();
    const { pid, command } = kit;
    const drivers = [{ pid, command, namespaces: [...namespaces], ports: [] }];
    const [one] = analyse(story.trace({ topology: { drivers } })).connections;
    return [one?.path, one?.proof];
  };
  assert.equal(relay([CONTAINER]), ['relay', 'proven']);
  assert.equal(relay([]), ['relay', 'likely']);
});

test.run();
