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

/** Milliseconds that the last seal may take after the last line that has come. */
const LAST_SEAL = 5_000;
/** Milliseconds that the end may take while lines still come: those of a burst wait in the kernel. */
const MOST_END = 120_000;
/** Milliseconds without a line after which what has not come is lost. */
const QUIET = 200;
/** Checks until another seal is tried: at first, and at most. */
const FIRST_CHECKS = 15;
const MOST_CHECKS = 100;
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
  const pace = new Pace(run, slowness);
  const waitFor = async (done: () => boolean, rounds = Infinity): Promise<boolean> => {
    for (let round = 0; !done(); round += 1) {
      if (gone !== null || round >= rounds || pace.isOver()) return done();
      await pause(SEAL_PAUSE);
    }
    return true;
  };
  const { sealedAt, missing } = await makeLastSeal(
    { sealer, watch, slowness, waitFor },
    () => gone !== null || pace.isOver(),
  );
  const held = sealedAt !== null;
  if (held) await sealer.final();
  const ended = held && (await waitFor(() => run.ended));
  // The kernel's count of printed lines decides, because bpftrace reports a loss only when another event follows it.
  pace.rest();
  if (ended) await waitFor(() => run.unread === 0 || pace.quiet() > QUIET * slowness);
  const drained = ended && run.unread === 0;
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

interface LastSeal {
  /** Time of its first event; null when none has come whole. */
  readonly sealedAt: number | null;
  /** Signs that the last one that was tried lacks. */
  readonly missing: readonly string[];
}

/** Makes seals until one of them has come whole: the events of an earlier one may wait behind those of a burst. */
async function makeLastSeal(
  {
    sealer,
    watch,
    slowness,
    waitFor,
  }: Pick<Running, 'sealer' | 'watch'> & {
    readonly slowness: number;
    readonly waitFor: (done: () => boolean, rounds: number) => Promise<boolean>;
  },
  isOver: () => boolean,
): Promise<LastSeal> {
  const ports: number[] = [];
  const findHeld = (): number | undefined => ports.find((port) => watch.missing(port).length === 0);
  let missing: readonly string[] = [];
  let rounds = FIRST_CHECKS;
  while (!isOver()) {
    const attempt = await sealer.attempt();
    if (attempt === null) {
      missing = ['everything'];
      await pause(SEAL_PAUSE);
      continue;
    }
    const { port } = attempt;
    ports.push(port);
    await waitFor(() => findHeld() !== undefined, rounds * slowness);
    const held = findHeld();
    if (held !== undefined) return { sealedAt: watch.timeOf(held), missing: [] };
    rounds = Math.min(2 * rounds, MOST_CHECKS);
    missing = watch.missing(port);
  }
  return { sealedAt: null, missing };
}

/** Tells whether the end has taken too long, since the last line that has come. */
class Pace {
  readonly #run: Pick<TracerRun, 'received'>;
  readonly #patience: number;
  readonly #end: number;
  #received: number;
  #since = performance.now();

  constructor(run: Pick<TracerRun, 'received'>, slowness: number) {
    this.#run = run;
    this.#patience = LAST_SEAL * slowness;
    this.#end = performance.now() + MOST_END * slowness;
    this.#received = run.received;
  }

  isOver(): boolean {
    return this.quiet() > this.#patience || performance.now() > this.#end;
  }

  /** Milliseconds since the last line has come, or since `rest`. */
  quiet(): number {
    if (this.#run.received !== this.#received) this.rest();
    return performance.now() - this.#since;
  }

  rest(): void {
    this.#received = this.#run.received;
    this.#since = performance.now();
  }
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
