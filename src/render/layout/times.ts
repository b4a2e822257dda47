/** Which of the times of many connections is shown: the first reply, else the handshake, else how long they lasted. */
import type { Quantiles, StatisticsRow } from '../../model/statistics.js';

/** Null where no time is known of any of them. */
export function chooseTimes({ firstReply, connect, duration }: StatisticsRow): Quantiles | null {
  return firstReply ?? connect ?? duration;
}
