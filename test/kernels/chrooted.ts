/** The bpftrace of an image on this machine's own kernel: a script that stands for it, in a mount namespace of its own. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Mounts the disk read-only where nobody else sees it, and becomes its bpftrace. */
const MOUNT_AND_RUN = `set -e
mount -o ro,loop "$1" "$2"
for folder in sys proc dev; do mount --rbind "/$folder" "$2/$folder"; done
mount -t tmpfs tmp "$2/tmp"
root=$2
shift 2
exec chroot "$root" bpftrace "$@"`;

/** Writes the script into `folder` and returns its path. */
export async function writeChrooted(disk: string, folder: string): Promise<string> {
  const root = join(folder, 'root');
  const script = join(folder, 'bpftrace');
  await mkdir(root, { recursive: true });
  const inner = join(folder, 'mount-and-run');
  await writeFile(inner, `${MOUNT_AND_RUN}\n`);
  const own = 'exec unshare --mount --propagation private';
  await writeFile(script, `#!/bin/sh\n${own} sh '${inner}' '${disk}' '${root}' "$@"\n`);
  await chmod(script, 0o755);
  return script;
}
