/** Where a container is, as its engine tells: Docker and Podman are asked in the same words. */
import type { EngineHost } from './host.js';
import type { Place } from './ways.js';

const LOOK =
  '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}} {{end}}';

export async function inspectPlace(
  host: EngineHost,
  engine: 'docker' | 'podman',
  name: string,
): Promise<Place> {
  const { stdout } = await host.exec([engine, 'inspect', '-f', LOOK, name]);
  const [pid, ipv4 = '', gateway = ''] = stdout.trim().split(/\s+/);
  return { from: host.namespaceOf(Number(pid)), ipv4, gateway };
}
