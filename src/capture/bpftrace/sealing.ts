/** Repeats the seal while a trace runs: a connection of our own that every probe has to report. */
import type { Child, ChildExit } from './child.js';
import type { CheckpointMaker } from './checkpoints.js';
import { pause, SEAL_PAUSE, type Sealer, type SealWatch } from './seal.js';
import type { SkipReader } from './skips.js';

/** Milliseconds between two seals. */
const EVERY = 1_000;
/** Checks until another seal is made, on a machine of the usual speed. */
const MOST_CHECKS = 50;
/** Seals whose events may be waiting behind those of a burst. */
const MOST_WAITING = 64;

interface WaitingSeal {
  readonly port: number;
  /** Runs that the kernel had skipped when it had been made, and before the next one was. */
  readonly skips: number | null;
}

export interface Sealing {
  readonly sealer: Sealer;
  readonly watch: SealWatch;
  readonly child: Child;
  readonly skips: SkipReader;
  readonly maker: CheckpointMaker;
  /** Multiplies the patience on a slow machine. */
  readonly slowness: number;
}

/** @returns stops it; settles when no seal is under way any more, so that the last one can be made */
export function keepSealing(sealing: Sealing): () => Promise<void> {
  let stopped = false;
  let wake = (): void => undefined;
  const rest = async (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, EVERY);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  let exit: ChildExit | null = null;
  void sealing.child.exited.then((how) => (exit = how));
  const isOver = (): boolean => stopped || exit !== null;
  const work = (async () => {
    let waiting: readonly WaitingSeal[] = [];
    for (;;) {
      if (!isOver()) await rest();
      if (isOver()) return;
      waiting = await sealOnce(sealing, waiting, isOver);
    }
  })();
  return async () => {
    stopped = true;
    wake();
    await work;
  };
}

/**
 * Makes one more seal, and waits until one of those that wait has come whole. A seal that is broken, or that something on
 * the machine prevents, makes no checkpoint: the next one may.
 * @returns those that still wait
 */
async function sealOnce(
  { sealer, watch, skips, maker, slowness }: Sealing,
  before: readonly WaitingSeal[],
  isOver: () => boolean,
): Promise<readonly WaitingSeal[]> {
  const attempt = await sealer.attempt();
  if (attempt === null) return before;
  const made = { port: attempt.port, skips: await skips.read() };
  const waiting = [...before, made].slice(-MOST_WAITING);
  for (let check = 0; check < MOST_CHECKS * slowness && !isOver(); check += 1) {
    const held = waiting.findLastIndex(({ port }) => watch.missing(port).length === 0);
    const seal = waiting[held];
    const time = seal === undefined ? null : watch.timeOf(seal.port);
    if (seal !== undefined && time !== null) {
      watch.forget(seal.port);
      maker.seal({ time, skips: seal.skips });
      return waiting.slice(held + 1);
    }
    await pause(SEAL_PAUSE);
  }
  return waiting;
}
