/** Describes system errors to a user: a sentence for the errno, and a remedy. */

interface SystemWords {
  readonly why: string;
  readonly remedy: string;
}

const ANOTHER_PLACE = 'give a file in a folder that exists and that you may write to';
const MORE_ROOM = 'make room there, or give a place with more';

const WORDS: Readonly<Record<string, SystemWords>> = {
  EACCES: { why: 'permission denied', remedy: ANOTHER_PLACE },
  EPERM: { why: 'not permitted', remedy: ANOTHER_PLACE },
  ENOENT: { why: 'there is no such folder or file', remedy: ANOTHER_PLACE },
  ENOTDIR: { why: 'a part of its path is a file and no folder', remedy: ANOTHER_PLACE },
  EISDIR: { why: 'it is a folder', remedy: 'give the name of a file in it' },
  ELOOP: { why: 'its symbolic links go in circles', remedy: ANOTHER_PLACE },
  ENAMETOOLONG: { why: 'the name is too long', remedy: 'give a shorter name' },
  EROFS: { why: 'the file system is read-only', remedy: ANOTHER_PLACE },
  ENOSPC: { why: 'no room is left', remedy: MORE_ROOM },
  EDQUOT: { why: 'the quota is used up', remedy: MORE_ROOM },
  EFBIG: {
    why: 'it would be larger than files may be here',
    remedy: 'raise the limit of file sizes (ulimit -f unlimited)',
  },
  EMFILE: {
    why: 'too many files are open in this process',
    remedy: 'raise the limit of open files (ulimit -n 1024)',
  },
  ENFILE: {
    why: 'too many files are open on this machine',
    remedy: 'raise the sysctl fs.file-max, or end what holds so many files open',
  },
  ENOMEM: {
    why: 'no memory is left',
    remedy: 'free memory, or raise the limit of this process (ulimit -v unlimited)',
  },
  EAGAIN: {
    why: 'no more processes may be started',
    remedy: 'raise the limit of processes (ulimit -u) or of the control group (pids.max)',
  },
  EPIPE: { why: 'its reader is gone', remedy: 'read it to its end' },
  ENXIO: { why: 'nobody reads from it', remedy: 'start its reader first' },
  EIO: { why: 'the device reports an error', remedy: 'see what the kernel says: dmesg' },
  EBUSY: { why: 'it is in use', remedy: 'give another file' },
  ETXTBSY: { why: 'it is a program that runs', remedy: 'give another file' },
};

/** The errno code such as `ENOSPC`; null for anything but a system error. */
export function systemCode(error: unknown): string | null {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

/** Returns a sentence such as `no room is left, ENOSPC` and its remedy; for unlisted codes the code alone. */
export function describeSystemError(error: unknown): SystemWords {
  const code = systemCode(error);
  const known = code === null ? undefined : WORDS[code];
  if (known) return { why: `${known.why}, ${code}`, remedy: known.remedy };
  return { why: code ?? 'unknown error', remedy: ANOTHER_PLACE };
}
