/** Writes output to whatever a name refers to: replaces ordinary files whole or not at all, writes into all else. */
import { randomUUID } from 'node:crypto';
import { constants, fstatSync, readlinkSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { access, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../model/errors.js';
import { describeSystemError, systemCode } from '../model/system-error.js';

/** What a name refers to, after following links. */
export type OutputPlace =
  | { readonly kind: 'file'; readonly path: string; readonly old: FileFacts | null }
  /** FIFOs, devices, sockets: written into. */
  | { readonly kind: 'special'; readonly path: string }
  /** An open descriptor of this process: /dev/stdout, /dev/fd/63, /proc/self/fd/3. */
  | { readonly kind: 'descriptor'; readonly fd: number };

interface FileFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Only the owner may read what a trace saw. */
const PRIVATE = 0o600;
const MOST_LINKS = 40;
/** Milliseconds between two attempts to open a FIFO that nobody reads yet. */
const RETRY = 100;

/** @throws the system's error: no such folder, no right to look, a folder where a file should be. */
export async function locateOutput(name: string): Promise<OutputPlace> {
  const { fd, path } = followLinks(name);
  if (fd !== null) return { kind: 'descriptor', fd };
  const facts = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (facts === null) {
    // Its folder must exist; from here on the path has the folder's real path.
    return { kind: 'file', path: join(realpathSync(dirname(path)), basename(path)), old: null };
  }
  if (facts.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
  if (!facts.isFile()) return { kind: 'special', path };
  return { kind: 'file', path: realpathSync(path), old: facts };
}

/** Follows links by hand up to a descriptor: a descriptor's own link names a file that the shell opened for us. */
function followLinks(name: string): { fd: number | null; path: string } {
  let path = resolve(name);
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const own = /^\/(?:dev|proc\/(?:self|thread-self|\d+))\/fd\/(\d+)$/.exec(path);
    if (own?.[1] !== undefined && isOwn(path)) return { fd: Number(own[1]), path };
    let target: string;
    try {
      target = readlinkSync(path);
    } catch {
      return { fd: null, path };
    }
    path = resolve(dirname(path), target);
  }
  throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
}

function isOwn(path: string): boolean {
  const pid = /^\/proc\/(\d+)\//.exec(path)?.[1];
  return pid === undefined || Number(pid) === process.pid;
}

/**
 * Checks that writing will be possible, and leaves nothing behind.
 * @throws UserError when the output could not be written in the end
 */
export async function checkOutput(name: string): Promise<OutputPlace> {
  try {
    const place = await locateOutput(name);
    if (place.kind === 'descriptor') return place;
    if (place.kind === 'special' || place.old) await access(place.path, constants.W_OK);
    if (place.kind === 'special') return place;
    const draft = await openDraft(place.path).catch((error: unknown) => {
      if (place.old && isTiedToPlace(error)) return null;
      throw error;
    });
    if (draft) await dropDraft(draft);
    return place;
  } catch (error) {
    throw describeUnwritable(name, error);
  }
}

/**
 * Writes all of it, or throws a UserError. An ordinary file is replaced whole and keeps its mode and owner, or it stays
 * as it was; only the owner can read a new one. `streams` are the writers of the process's own descriptors.
 */
export async function writeOutput(
  name: string,
  content: string | Buffer,
  streams: ReadonlyMap<number, (content: string | Buffer) => Promise<void>> = new Map(),
): Promise<void> {
  try {
    const place = await locateOutput(name);
    if (place.kind === 'file') await replaceFile(place.path, place.old, content);
    else if (place.kind === 'special') await writeInto(await openSpecial(place.path), content);
    else {
      const write = streams.get(place.fd);
      await (write ? write(content) : writeDescriptor(place.fd, content));
    }
  } catch (error) {
    throw describeUnwritable(name, error);
  }
}

async function replaceFile(
  path: string,
  old: FileFacts | null,
  content: string | Buffer,
): Promise<void> {
  try {
    await replaceWhole(path, old, content);
  } catch (error) {
    if (!old || !isTiedToPlace(error)) throw error;
    const handle = await open(path, 'r+');
    await handle.truncate(0);
    await writeInto(handle, content);
  }
}

/** Whether a file can be written but not replaced: a mount point, in a folder of somebody else, of another owner. */
function isTiedToPlace(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV'].includes(systemCode(error) ?? '');
}

async function replaceWhole(
  path: string,
  old: FileFacts | null,
  content: string | Buffer,
): Promise<void> {
  const draft = await openDraft(path);
  try {
    await draft.handle.writeFile(content);
    if (old) {
      const own = await draft.handle.stat();
      if (own.uid !== old.uid || own.gid !== old.gid) await draft.handle.chown(old.uid, old.gid);
      await draft.handle.chmod(old.mode & 0o7777);
    }
    await draft.handle.close();
    await rename(draft.path, path);
    keepDraft(draft);
  } catch (error) {
    await dropDraft(draft);
    throw error;
  }
}

export interface OutputDraft {
  readonly handle: FileHandle;
  readonly path: string;
}

/** Existing drafts, removed at exit: a second Ctrl-C may end the process while it writes one. */
const drafts = new Set<string>();
process.on('exit', () => drafts.forEach((path) => rmSync(path, { force: true })));

/** Opens a draft beside the file, because a rename is atomic only within a file system. Its short name always fits. */
export async function openDraft(path: string): Promise<OutputDraft> {
  const draft = join(dirname(path), `.tf-${randomUUID().slice(0, 8)}`);
  const handle = await open(draft, 'wx', PRIVATE);
  drafts.add(draft);
  return { handle, path: draft };
}

/** The draft has become the output. */
export function keepDraft({ path }: OutputDraft): void {
  drafts.delete(path);
}

async function dropDraft({ handle, path }: OutputDraft): Promise<void> {
  await handle.close().catch(() => undefined);
  await rm(path, { force: true });
  drafts.delete(path);
}

/** Waits for the reader of a FIFO: opened at once, it would block the whole process. */
export async function openSpecial(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  if (!(await stat(path)).isFIFO()) return open(path, O_WRONLY | O_NOCTTY);
  for (;;) {
    try {
      const probe = await open(path, O_WRONLY | O_NONBLOCK);
      // Does not block, because there is a reader now.
      const handle = await open(path, O_WRONLY);
      await probe.close();
      return handle;
    } catch (error) {
      if (systemCode(error) !== 'ENXIO') throw error;
      await sleep(RETRY);
    }
  }
}

async function writeInto(handle: FileHandle, content: string | Buffer): Promise<void> {
  try {
    await handle.writeFile(content);
  } finally {
    await handle.close();
  }
}

/** Opens a pipe or a device again by its /proc name; writes to a file or socket through the descriptor itself. */
async function writeDescriptor(fd: number, content: string | Buffer): Promise<void> {
  const facts = fstatSync(fd);
  if (!facts.isFile() && !facts.isSocket()) {
    await writeInto(await openSpecial(`/proc/self/fd/${fd}`), content);
    return;
  }
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** The error for an output that cannot be written. */
export function describeUnwritable(name: string, cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  const { why, remedy } = describeSystemError(cause);
  return new UserError(`${name} cannot be written (${why})`, {
    code: 'cannot-write',
    exit: 1,
    remedy,
    cause,
  });
}
