/** Copies the lab's image to an engine, as a file in its root. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { collectImage } from '../../src/lab/image.js';
import { writeTar } from '../../src/lab/tar.js';
import { findTools } from '../../src/lab/tools.js';
import type { EngineHost } from './host.js';

/** Where it is, for `import`. */
export const IMAGE_FILE = '/tmp/image.tar';
export const IMAGE_NAME = 'local/redis';

export async function writeImage(host: EngineHost): Promise<void> {
  const entries = await collectImage(await findTools());
  await pipeline(Readable.from(writeTar(entries)), createWriteStream(host.path(IMAGE_FILE)));
}
