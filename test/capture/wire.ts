/** A second witness beside the tracer: what tcpdump saw of one port on the loopback device. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export interface WirePacket {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Starts tcpdump on `port`; the function that is returned ends it and tells every packet. */
export async function watchWire(port: number): Promise<() => Promise<WirePacket[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'wire-'));
  const file = join(folder, 'lo.pcap');
  const args = [
    '-i',
    'lo',
    '-n',
    '-U',
    '--immediate-mode',
    '-B',
    '16384',
    '-Z',
    'root',
    '-w',
    file,
  ];
  const tcpdump = spawn('tcpdump', [...args, 'port', String(port)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  while (!said.includes('listening on')) await once(tcpdump.stderr, 'data');
  return async () => {
    await untilStill(file);
    tcpdump.kill('SIGINT');
    await once(tcpdump, 'close');
    const dropped = /(\d+) packets dropped by kernel/.exec(said)?.[1];
    if (dropped !== '0') throw new Error(`tcpdump missed packets: ${said}`);
    const { stdout } = await execa('tcpdump', ['-r', file, '-n', '-q', '-t']);
    await rm(folder, { recursive: true });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(parsePacket);
  };
}

/** `IP 127.0.0.1.54 > 127.0.0.1.80: tcp 5` or `IP6 ::1.54 > ::1.80: UDP, length 5` */
function parsePacket(line: string): WirePacket {
  const match = /^IP6? \S+\.(\d+) > \S+\.(\d+): (?:tcp|UDP, length) (\d+)/.exec(line);
  if (!match) throw new Error(`tcpdump said: ${line}`);
  const [from = 0, to = 0, length = 0] = match.slice(1).map(Number);
  return { from, to, length };
}

/** What tcpdump has yet to write is written when the file stays as it is. */
async function untilStill(file: string): Promise<void> {
  for (let size = -1, still = 0; still < 10;) {
    const now = (await stat(file)).size;
    still = now === size ? still + 1 : 0;
    size = now;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
