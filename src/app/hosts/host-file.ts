/** Keeps one host's recording in a file, from its first line on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { HostStream } from '../../capture/ssh/host-stream.js';
import { openAppended } from '../../host/appended-output.js';

/** Milliseconds between two pieces of a growing recording. */
const WAIT = 1_000;

/** `both-a.tflow` for `both.tflow` and the host `a`; it may be packed (`.tflow.gz`). */
export function nameFile(file: string, host: string): string {
  const [, base = file, ending = ''] = /^(.*?[^/])((?:\.[^./]+)?(?:\.gz)?)$/s.exec(file) ?? [];
  return `${base}-${host.replaceAll(/[^\w.-]/g, '_')}${ending}`;
}

/** Copies until the host has ended. @throws UserError when the file cannot be written */
export async function keepFile(stream: HostStream, file: string): Promise<void> {
  const pack = (piece: Buffer): Buffer =>
    file.endsWith('.gz') ? gzipSync(piece, { level: 1 }) : piece;
  const first = stream.read(0) ?? Buffer.alloc(0);
  const output = await openAppended(file, pack(first), new Map());
  for (let at = first.length; ;) {
    // In this order: what came before the end is there when the end is known.
    const { isOver } = stream;
    const piece = stream.read(at);
    if (piece !== null) {
      await output.write(pack(piece));
      at += piece.length;
    } else if (isOver) break;
    else await Promise.race([stream.ended, sleep(WAIT, undefined, { ref: false })]);
  }
  await output.close();
}
