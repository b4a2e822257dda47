/** Repeats the seal while a trace runs: a connection of our own that every probe has to report. */
import type { Child, ChildExit } from './child.js';
import type { CheckpointMaker } from './checkpoints.js';
import { pause, SEAL_PAUSE, type Sealer, type SealWatch } from './seal.js';
import type { SkipReader } from './skips.js';

/** Milliseconds between two seals. */
const EVERY = 1_000;
/** Checks until a seal counts as broken, on a machine of the usual speed. */
const MOST_CHECKS = 50;

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
    for (;;) {
      if (!isOver()) await rest();
      if (isOver()) return;
      await sealOnce(sealing, isOver);
    }
  })();
  return async () => {
    stopped = true;
    wake();
    await work;
  };
}

/** A seal that is broken, or that something on the machine prevents, makes no checkpoint: the next one may. */
async function sealOnce(
  { sealer, watch, skips, maker, slowness }: Sealing,
  isOver: () => boolean,
): Promise<void> {
  const before = watch.drops;
  const attempt = await sealer.attempt();
  if (attempt === null) return;
  for (let check = 0; check < MOST_CHECKS * slowness && !isOver(); check += 1) {
    const time = watch.timeOf(attempt.port);
    if (time !== null && watch.missing(attempt.port, before).length === 0) {
      watch.forget(attempt.port);
      maker.seal({ time, skips: await skips.read() });
      return;
    }
    await pause(SEAL_PAUSE);
  }
}
