/** Watches standard input for the program that started this one: a trace on a host ends when nobody listens any more. */
import type { Readable } from 'node:stream';

/** Milliseconds between two signs of life after which the other side is taken for gone. */
const SILENCE = 30_000;
/** Milliseconds for an orderly end when the other side is gone. What it no longer takes would be waited for in vain. */
const GRACE = 20_000;

/** Calls `onGone` once, when standard input ends or has been silent for too long. */
export function watchLifeline(input: Readable, onGone: () => void): void {
  let gone = false;
  let timer: NodeJS.Timeout;
  const end = (): void => {
    clearTimeout(timer);
    if (gone) return;
    gone = true;
    onGone();
  };
  const wait = (): void => {
    clearTimeout(timer);
    if (!gone) timer = setTimeout(giveUp, SILENCE).unref();
  };
  const giveUp = (): void => {
    setTimeout(() => process.exit(1), GRACE).unref();
    end();
  };
  wait();
  input.on('data', wait);
  for (const event of ['end', 'error', 'close']) input.on(event, end);
  // Reading of the arguments may have looked into it: then it is paused, or at its end.
  if (input.readableEnded || input.destroyed) end();
  else input.resume();
}
