/** Ends a trace: makes the last seal, reads the program's own counts and ends bpftrace. */
import { readFileSync } from 'node:fs';
import type { Child, ChildExit } from './child.js';
import type { CheckpointMaker } from './checkpoints.js';
import { LIMITS } from './failure.js';
import type { Remainder, TracerRun } from './run.js';
import { pause, SEAL_PAUSE, type Sealer, type SealWatch } from './seal.js';
import type { SkipReader } from './skips.js';

export interface TracerEnd {
  /** Whether both seals held: the probes were live all the time and every event has been read. */
  readonly sealed: boolean;
  readonly lost: number;
  /** Probe runs that the kernel skipped between both seals (see skips); null when it does not count them. */
  readonly skipped: number | null;
  /** Packets that were only counted, and the last totals of relays. */
  readonly remainder: readonly Remainder[];
  /** Why the tracer did not end as asked, one sentence each. */
  readonly notes: readonly string[];
  /** Set when bpftrace ended without being asked to. */
  readonly died: string | null;
  /** Settles when the probes are detached and bpftrace is gone, which takes most of a second. */
  readonly closed: Promise<void>;
}

/** The parts of a running trace. */
export interface Running {
  readonly sealer: Sealer;
  readonly watch: SealWatch;
  readonly run: TracerRun;
  readonly child: Child;
  readonly skips: SkipReader;
  readonly maker: CheckpointMaker;
  /** Probe runs that the kernel had skipped when the first seal held. */
  readonly skipsBefore: number | null;
}

/** Milliseconds for the whole last seal. */
const LAST_SEAL = 5_000;
/** Milliseconds until a bpftrace that was asked to end is killed. */
const STOP_PATIENCE = 2_000;

/** Ends a trace; never throws and never leaves a child behind. `slowness` multiplies the patience on a slow machine. */
export async function finishTrace(
  { sealer, watch, run, child, skips: reader, skipsBefore, maker }: Running,
  slowness = 1,
): Promise<TracerEnd> {
  let gone: ChildExit | null = null;
  void child.exited.then((exit) => (gone = exit));
  await Promise.resolve();
  const deadline = performance.now() + LAST_SEAL * slowness;
  const waitFor = async (done: () => boolean, rounds = Infinity): Promise<boolean> => {
    for (let round = 0; !done(); round += 1) {
      if (gone !== null || round >= rounds || performance.now() > deadline) return done();
      await pause(SEAL_PAUSE);
    }
    return true;
  };
  let held = false;
  let missing: readonly string[] = [];
  let sealedAt: number | null = null;
  while (!held && gone === null && performance.now() < deadline) {
    const before = watch.drops;
    const attempt = await sealer.attempt();
    if (attempt === null) {
      missing = ['everything'];
      await pause(SEAL_PAUSE);
      continue;
    }
    const { port } = attempt;
    held = await waitFor(() => (missing = watch.missing(port, before)).length === 0, 15 * slowness);
    sealedAt = held ? watch.timeOf(port) : null;
  }
  if (held) await sealer.final();
  const ended = held && (await waitFor(() => run.ended));
  // The kernel's count of printed lines decides, because bpftrace reports a loss only when another event follows it.
  const drained = ended && (await waitFor(() => run.unread === 0, 10 * slowness));
  const skips = await reader.read();
  if (sealedAt !== null) maker.seal({ time: sealedAt, skips });
  sealer.close();
  const notes = troubles(gone, missing, ended);
  if (gone === null && !ended && isStopped(child.pid)) notes.push(STOPPED);
  // Checked before we end it: what follows is our own doing.
  const died = gone === null ? null : (notes[0] ?? null);
  // All has been read, so killing it loses nothing; asking it to end takes a fifth of a second longer.
  const closed = child.stop(ended ? 0 : STOP_PATIENCE).then(() => undefined);
  if (!ended) await closed;
  run.close();
  const lost = Math.max(run.lost, run.unread);
  return {
    sealed: drained && lost === 0,
    lost,
    skipped: skips === null ? null : skips - (skipsBefore ?? 0),
    died,
    remainder: run.remainder(),
    notes,
    closed,
  };
}

const STOPPED =
  'bpftrace itself was stopped (SIGSTOP or a debugger): since then nothing was handed over; let it go on with SIGCONT';

/** Whether a process is stopped or traced. */
function isStopped(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

function troubles(gone: ChildExit | null, missing: readonly string[], ended: boolean): string[] {
  if (gone !== null) {
    const remedy = LIMITS[gone.signal ?? '']?.remedy;
    const more = remedy === undefined ? '' : `; ${remedy}`;
    return [`bpftrace ${gone.how} while tracing: what happened after that was not seen${more}`];
  }
  if (missing.length > 0) {
    return [
      `the last seal is broken: ${missing.join(', ')} of our own connection did not come through`,
    ];
  }
  return ended ? [] : ['bpftrace did not hand over everything that it had seen'];
}
