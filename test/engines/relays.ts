/** Which docker-proxy serves a port, by the arguments that it was started with. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** @param netns path of the host's namespace */
export async function findRelayPids(netns: string, port: number): Promise<number[]> {
  const own = await readlink(netns);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const serves = /docker-proxy\0/.test(command) && command.includes(`-host-port\0${port}\0`);
    const where = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
    return serves && where === own ? [Number(pid)] : [];
  });
  return (await Promise.all(found)).flat();
}
