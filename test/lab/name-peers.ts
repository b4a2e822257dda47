/** A UDP server that tells each peer its address, its port and what it sent. One process: socat's `RECVFROM,fork` hangs when it is busy. */
import { execa } from 'execa';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Lab, LabContainer } from '../../src/lab/index.js';

const FILE = fileURLToPath(import.meta.url);

/** Starts one on a container's address, beside whatever the container runs. It ends with the lab. */
export async function namePeers(lab: Lab, container: LabContainer, port: number): Promise<void> {
  const [file, ...args] = lab.commandIn(container, [process.execPath, FILE, String(port)]);
  const server = execa(file, args, { stdin: 'ignore', reject: false, buffer: false });
  const ended = server.then(({ exitCode }) => {
    throw new Error(`the server of names ended with ${String(exitCode)}`);
  });
  ended.catch(() => undefined); // with the lab
  await Promise.race([once(server.stdout, 'data'), ended]);
}

if (process.argv[1] === FILE) {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address, port }) => {
    const [word = ''] = message.toString('latin1').trim().split(/\s/);
    socket.send(`${address} ${String(port)} ${word}\n`, port, address);
  });
  socket.bind(Number(process.argv[2]), () => process.stdout.write('ready\n'));
}
