/** A process file system made of plain files, for what no test can arrange on a real machine. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface FakeProcess {
  pid: number | 'self';
  namespace: number;
  command?: string;
  arguments?: readonly string[];
  environment?: readonly string[];
  /** Inodes of its sockets. */
  sockets?: readonly number[];
  /** Contents of files below `net/`. */
  tables?: Readonly<Record<string, string>>;
  /** Its number in a process namespace of its own, and that namespace. */
  inner?: { readonly number: number; readonly space: string };
  /** What started it. */
  parent?: number;
  /** Contents of further files, such as `cgroup`, also in folders: `cwd/config.json`. */
  files?: Readonly<Record<string, string>>;
}

/** @returns its path; remove it with {@link removeFakeProc}. */
export function makeFakeProc(processes: readonly FakeProcess[]): string {
  const proc = mkdtempSync(join(tmpdir(), 'proc-'));
  for (const process of processes) {
    const folder = join(proc, String(process.pid));
    for (const part of ['ns', 'fd', 'net']) mkdirSync(join(folder, part), { recursive: true });
    symlinkSync(`net:[${process.namespace}]`, join(folder, 'ns/net'));
    writeFileSync(join(folder, 'comm'), `${process.command ?? 'sleep'}\n`);
    if (process.inner) {
      const { number, space } = process.inner;
      symlinkSync(`pid:[${space}]`, join(folder, 'ns/pid'));
      writeFileSync(join(folder, 'status'), `Name:\tx\nNSpid:\t${process.pid}\t${number}\n`);
    }
    if (process.parent !== undefined) {
      const name = process.command ?? 'sleep';
      writeFileSync(join(folder, 'stat'), `${process.pid} (${name}) S ${process.parent} 1 1 0\n`);
    }
    writeFileSync(join(folder, 'cmdline'), joinNul(process.arguments ?? []));
    writeFileSync(join(folder, 'environ'), joinNul(process.environment ?? []));
    for (const [index, inode] of (process.sockets ?? []).entries()) {
      symlinkSync(`socket:[${inode}]`, join(folder, `fd/${index}`));
    }
    for (const [name, text] of Object.entries(process.tables ?? {})) {
      writeFileSync(join(folder, 'net', name), text);
    }
    for (const [name, text] of Object.entries(process.files ?? {})) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }
  return proc;
}

export function removeFakeProc(proc: string): void {
  rmSync(proc, { recursive: true, force: true });
}

function joinNul(words: readonly string[]): string {
  return words.map((word) => `${word}\0`).join('');
}
