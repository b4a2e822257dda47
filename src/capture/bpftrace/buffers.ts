/** Sizes the kernel's buffers between the probes and bpftrace: as large as the free memory allows without harm. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isSince } from './version.js';

export interface BufferFacts {
  /** What `bpftrace --version` prints. */
  readonly version: string;
  readonly processors: number;
  /** Bytes that this process may still use, with the limit of its control group. */
  readonly available: number;
  /** Bytes of one page of memory. */
  readonly page: number;
  /** Whether the kernel lets bpftrace lock as much memory as it wants. */
  readonly locks: boolean;
}

/** Bytes for each processor: a burst of about 4,000 short connections waits in as much. */
const MOST_EACH = 64 * 1024 * 1024;
/** Bytes for each processor that every trace gets. */
const LEAST_EACH = 2 * 1024 * 1024;
/** Bytes for all processors. */
const MOST = 256 * 1024 * 1024;
/** The part of the free memory that the buffers may take. */
const SHARE = 1 / 16;

/** The first version that has one ring buffer for all processors where the kernel has them; before, one each. */
const ONE_BUFFER_SINCE = [0, 23] as const;

/** The number for BPFTRACE_PERF_RB_PAGES: a power of two, for each buffer. */
export function countPages({ version, processors, available, page, locks }: BufferFacts): number {
  const all = locks ? Math.min(MOST, available * SHARE) : 0;
  const each = Math.max(LEAST_EACH, Math.min(MOST_EACH, all / processors));
  const bytes = isSince(version, ONE_BUFFER_SINCE) ? each * processors : each;
  return 2 ** Math.floor(Math.log2(bytes / page));
}

export function readBufferFacts(version: string): BufferFacts {
  return {
    version,
    processors: availableParallelism(),
    available: process.availableMemory(),
    page: readPageSize(read('/proc/self/smaps')),
    locks: maySurpass(read('/proc/self/status'), read('/proc/self/limits')),
  };
}

/** CAP_IPC_LOCK is not bound by the limit; bpftrace lifts the limit with CAP_SYS_RESOURCE (linux/capability.h). */
const CAP_IPC_LOCK = 14n;
const CAP_SYS_RESOURCE = 24n;

/** @param status text of /proc/self/status @param limits text of /proc/self/limits */
export function maySurpass(status: string, limits: string): boolean {
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if ([CAP_IPC_LOCK, CAP_SYS_RESOURCE].some((bit) => ((held >> bit) & 1n) === 1n)) return true;
  return /^Max locked memory\s+unlimited/m.test(limits);
}

/** @param smaps text of /proc/self/smaps */
export function readPageSize(smaps: string): number {
  return Number(/^KernelPageSize:\s*(\d+) kB$/m.exec(smaps)?.[1] ?? 4) * 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
