/** A user's own Podman and Docker: port drivers take what comes, and hand it into a namespace of the user's. */
import { poll } from '../../../src/lab/poll.js';
import type { Truth } from '../../matrix/scenario.js';
import { INNER, PUBLISHED, type Engine, type Prepared, type Vantage } from '../engine.js';
import type { EngineHost, From } from '../host.js';
import { IMAGE_FILE, IMAGE_NAME } from '../image.js';
import { answerDatagrams, awaitListener } from '../servers.js';
import { PUBLISH, SERVER } from './docker.js';
import { setUpFiles } from './podman.js';

const UID = '4711';
const RUNTIME = `/run/user/${UID}`;
const HOME = '/home/user';
const USER = {
  HOME,
  USER: 'user',
  XDG_RUNTIME_DIR: RUNTIME,
  DOCKER_HOST: `unix://${RUNTIME}/docker.sock`,
};
const AS_USER = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--'];
const STORAGE = '[storage]\ndriver = "vfs"\n';

export async function addUser(host: EngineHost): Promise<void> {
  const lines = [
    `sed -i '/^user:/d' /etc/passwd; echo 'user:x:${UID}:${UID}::${HOME}:/bin/sh' >> /etc/passwd`,
    `echo 'user:100000:65536' > /etc/subuid`,
    `echo 'user:100000:65536' > /etc/subgid`,
    `mkdir -p ${HOME}/.config/containers ${RUNTIME}`,
    `cat > ${HOME}/.config/containers/storage.conf`,
    `chown -R ${UID}:${UID} ${HOME} ${RUNTIME}`,
    `chmod 700 ${RUNTIME}`,
    `chmod 644 ${IMAGE_FILE}`,
  ];
  await host.shell(lines.join('\n'), { input: STORAGE });
}

/** Runs an engine's program as the user; what it prints, trimmed. */
export function asUser(host: EngineHost, program: 'podman' | 'docker') {
  return async (...words: readonly string[]): Promise<string> =>
    (await host.exec([...AS_USER, program, ...words], { env: USER })).stdout.trim();
}

const LOOK = '{{.State.Pid}}';

/** What a port driver takes; where the bytes go on cannot be followed in every case. */
function byDriver(relay: string): Truth {
  return { path: 'relay', outcome: 'answered', container: 'redis', relay };
}

const UNFOLLOWED = {
  proof: 'likely',
  because: 'the bytes of a port driver are not followed into the other namespace',
} as const;

const UNWATCHED = {
  proof: 'inconclusive',
  because: 'pasta reads datagrams in a way that is not watched',
} as const;

/**
 * Podman's pasta gives the container the host's own address: what the host sends from it, the container takes for its own.
 * slirp4netns puts its gateway where a client is on the host's loopback, and writes its datagrams with 127.0.0.1, a source
 * that the container's kernel refuses.
 */
function narrow(vantage: Vantage, engine: 'podman' | 'docker'): Vantage {
  const { name, talk, truth } = vantage;
  const { relay = '' } = truth;
  const udp = talk === 'udp';
  const unheard =
    engine === 'podman' && relay.startsWith('pasta') && name.startsWith('own address');
  const hidden = relay === 'slirp4netns' && name.startsWith('loopback');
  if (unheard) {
    const atLeast = udp ? UNWATCHED : UNFOLLOWED;
    return { ...vantage, truth: { ...truth, outcome: 'unanswered' }, atLeast };
  }
  if (hidden && udp) {
    const drop = { reason: 'IP_LOCALNET' };
    return { ...vantage, truth: { ...truth, outcome: 'dropped', drop }, atLeast: UNFOLLOWED };
  }
  return udp || hidden ? { ...vantage, atLeast: UNFOLLOWED } : vantage;
}

function listWays(host: EngineHost, truth: Truth, engine: 'podman' | 'docker'): Vantage[] {
  const places: readonly [string, From, string][] = [
    ['outside', 'client', host.host.ipv4],
    ['loopback', 'host', '127.0.0.1'],
    ['own address', 'host', host.host.ipv4],
  ];
  return (['redis', 'udp'] as const).flatMap((talk) =>
    places.map(([name, from, to]) => {
      const vantage = {
        name: talk === 'udp' ? `${name}, UDP` : name,
        from,
        to,
        talk,
        truth,
        port: talk === 'udp' ? PUBLISHED.udp : PUBLISHED.tcp,
      };
      return narrow(vantage, engine);
    }),
  );
}

async function preparePodman(
  host: EngineHost,
  { network, driver }: { network: string; driver: string },
): Promise<Prepared> {
  await setUpFiles(host, 'netavark', 'disabled');
  await addUser(host);
  const podman = asUser(host, 'podman');
  await podman('import', IMAGE_FILE, IMAGE_NAME);
  await podman(
    'run',
    '-d',
    '--name',
    'redis',
    `--network=${network}`,
    ...PUBLISH,
    IMAGE_NAME,
    ...SERVER,
  );
  const at = host.namespaceOf(Number(await podman('inspect', '-f', LOOK, 'redis')));
  await awaitListener(host, at, INNER.tcp);
  await answerDatagrams(host, at, INNER.udp);
  return {
    version: `Podman ${await podman('version', '-f', '{{.Client.Version}}')}`,
    vantages: listWays(host, byDriver(driver), 'podman'),
    dockerHost: undefined,
    ports: Object.values(PUBLISHED),
  };
}

async function prepareDocker(host: EngineHost, net: string): Promise<Prepared> {
  await setUpFiles(host, 'netavark', 'disabled');
  await addUser(host);
  const kit = {
    DOCKERD_ROOTLESS_ROOTLESSKIT_NET: net,
    // rootlesskit takes no other driver beside pasta, which finds the ports by itself.
    DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER: net === 'pasta' ? 'implicit' : 'builtin',
  };
  host.start('dockerd', [...AS_USER, 'sh', '-c', 'exec dockerd-rootless.sh --storage-driver=vfs'], {
    ...USER,
    ...kit,
  });
  const docker = asUser(host, 'docker');
  const version = await poll(
    async () => docker('version', '-f', '{{.Server.Version}}').catch(() => null),
    { timeoutMs: 60_000, what: 'rootless Docker to answer', intervalMs: 250 },
  );
  await docker('import', IMAGE_FILE, IMAGE_NAME);
  await docker('run', '-d', '--name', 'redis', ...PUBLISH, IMAGE_NAME, ...SERVER);
  const at = host.namespaceOf(Number(await docker('inspect', '-f', LOOK, 'redis')));
  await awaitListener(host, at, INNER.tcp);
  await answerDatagrams(host, at, INNER.udp);
  // pasta looks for open ports once a second.
  await awaitListener(host, 'host', PUBLISHED.tcp);
  await awaitListener(host, 'host', PUBLISHED.udp, 'udp');
  return {
    version: `Docker ${version}`,
    vantages: listWays(host, byDriver(net === 'pasta' ? 'pasta.avx2' : 'rootlesskit'), 'docker'),
    dockerHost: `unix://${host.path(`${RUNTIME}/docker.sock`)}`,
    ports: Object.values(PUBLISHED),
  };
}

const SLIRP = 'slirp4netns';
const KINDS = {
  rootlessport: { network: SLIRP, driver: 'rootlessport' },
  [SLIRP]: { network: `${SLIRP}:port_handler=${SLIRP}`, driver: SLIRP },
  pasta: { network: 'pasta', driver: 'pasta.avx2' },
} as const;

export function listRootlessPodman(
  suite: Engine['suite'],
  words: readonly (keyof typeof KINDS)[],
): Engine[] {
  return words.map((word) => ({
    name: `podman-${suite}-rootless-${word}`,
    title: `Podman, rootless, ${word}`,
    suite,
    prepare: async (host) => preparePodman(host, KINDS[word]),
  }));
}

/** In bookworm neither Podman nor rootlesskit knows pasta. */
export function listRootless(suite: Engine['suite']): Engine[] {
  const nets = suite === 'bookworm' ? [SLIRP] : [SLIRP, 'pasta'];
  const kinds = ['rootlessport', SLIRP, 'pasta'] as const;
  return [
    ...listRootlessPodman(suite, suite === 'bookworm' ? kinds.slice(0, 2) : kinds),
    ...nets.map((net): Engine => ({
      name: `docker-${suite}-rootless-${net}`,
      title: `Docker, rootless, rootlesskit with ${net}`,
      suite,
      prepare: async (host) => prepareDocker(host, net),
    })),
  ];
}
