/** Polls until something is there, and names what it waited for when that never comes. */
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '../model/errors.js';

export interface PollOptions {
  timeoutMs: number;
  /** Completes the sentence "Waited N s for …". */
  what: string;
  signal?: AbortSignal | undefined;
  /** Milliseconds between two looks; short, because a look is cheap. */
  intervalMs?: number;
}

/** Calls `look` until it returns something other than null; what `look` throws ends the wait. */
export async function poll<T>(look: () => Promise<T | null>, options: PollOptions): Promise<T> {
  const { timeoutMs, what, signal, intervalMs = 5 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > end) {
      const seconds = String(timeoutMs / 1000);
      throw new UserError(`Waited ${seconds} s for ${what}.`, { code: 'lab-timeout', exit: 1 });
    }
    await delay(intervalMs, undefined, signal ? { signal } : {});
  }
}
