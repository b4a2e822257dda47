/** A fixture that owns a lab with a container until it is killed, and prints its progress. */
import { REDIS, up } from '../../src/lab/index.js';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const lab = await up({ progress: say });
await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] });
say(`up ${lab.id}`);
setInterval(() => undefined, 1 << 30);
