/** Chooses which times of many connections are shown: the first reply, else the handshake, else the duration. */
import type { Quantiles, StatisticsRow } from '../../model/statistics.js';

/** Null if none of these times is known. */
export function chooseTimes({ firstReply, connect, duration }: StatisticsRow): Quantiles | null {
  return firstReply ?? connect ?? duration;
}
