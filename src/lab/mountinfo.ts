/** Reads /proc/PID/mountinfo: what is mounted where, and what it shows. */

export interface Mount {
  id: number;
  /** The part of the file system that is visible, `/` for all of it. */
  root: string;
  mountPoint: string;
  fsType: string;
  /** Options of the file system (not of this mount): for cgroup v1, the controllers. */
  superOptions: string[];
}

/** Parses mountinfo (proc(5)); lines of another shape are skipped. Mounts come in the kernel's order. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): Mount | null {
  // 36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue
  const [own, fileSystem] = line.split(' - ', 2);
  const [id, , , root, mountPoint] = own?.split(' ') ?? [];
  const [fsType, , superOptions] = fileSystem?.split(' ') ?? [];
  if (!id || !root || !mountPoint || !fsType || superOptions === undefined) return null;
  return {
    id: Number(id),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    fsType,
    superOptions: superOptions.split(','),
  };
}

/** The kernel writes space, tab, newline and backslash as \040 and so on. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Whether `path` is this folder or below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
