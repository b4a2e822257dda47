/** An engine that only answers what the topology asks of it: the containers of a set-up are namespaces without an engine. */
import { createServer, type Server } from 'node:http';

export interface ToldContainer {
  readonly name: string;
  readonly pid: number;
  readonly network: 'bridge' | 'far' | 'lan';
  readonly address: string;
  readonly gateway: string;
  readonly address6?: string;
  readonly gateway6?: string;
  readonly ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[]>>;
}

/** A network without a bridge. */
const LAN = { Name: 'lan', Driver: 'macvlan', Id: '1'.repeat(64), Options: { parent: 'ext0' } };

export const FAR_BRIDGE = 'br-112233445566';

/** Listens on a Unix socket; close it when the set-up goes. */
export function serveEngine(socket: string, containers: readonly ToldContainer[]): Promise<Server> {
  const inspect = new Map(
    containers.map((container, i) => [
      `/containers/${idOf(i)}/json`,
      {
        Id: idOf(i),
        Name: `/${container.name}`,
        State: { Running: true, Pid: container.pid },
        HostConfig: { NetworkMode: container.network === 'bridge' ? 'default' : container.network },
        NetworkSettings: {
          Ports: container.ports,
          Networks: {
            [container.network]: {
              IPAddress: container.address,
              Gateway: container.gateway,
              GlobalIPv6Address: container.address6 ?? '',
              IPv6Gateway: container.gateway6 ?? '',
            },
          },
        },
      },
    ]),
  );
  const named = (Name: string, bridge: string) => ({
    Name,
    Driver: 'bridge',
    Id: '0'.repeat(64),
    Options: { 'com.docker.network.bridge.name': bridge },
  });
  const answers = new Map<string, unknown>([
    ['/version', { Version: '20.10.24' }],
    ['/networks', [named('bridge', 'docker0'), named('far', FAR_BRIDGE), LAN]],
    [
      '/containers/json?all=1',
      containers.map(({ name }, i) => ({ Id: idOf(i), Names: [`/${name}`] })),
    ],
    ...inspect,
  ]);
  const server = createServer((request, response) => {
    const answer = answers.get(request.url ?? '');
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(JSON.stringify(answer ?? { message: 'no such thing' }));
  });
  return new Promise((resolve) => server.listen(socket, () => resolve(server)));
}

function idOf(i: number): string {
  return String(i + 1).repeat(64);
}
