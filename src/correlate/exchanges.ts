/** Counts the requests of one connection, and those during which its process also made calls elsewhere. */
import type { CopyEvent } from '../model/event.js';
import type { ExchangeCounts } from '../model/judgement.js';

/** @param calls on the client's socket, in order of time; @param times of calls elsewhere */
export function countExchanges(
  calls: readonly CopyEvent[],
  times: readonly number[],
): ExchangeCounts {
  const spans: { from: number; to: number }[] = [];
  let before: CopyEvent['operation'] = 'write';
  for (const { operation, time } of calls) {
    if (operation === 'read' && before === 'write') spans.push({ from: time, to: time });
    const last = spans.at(-1);
    if (last) last.to = time;
    before = operation;
  }
  const elsewhere = spans.filter(({ from, to }) => times.some((at) => from <= at && at <= to));
  return { all: spans.length, elsewhere: elsewhere.length };
}
