/** Sets the clocks of several hosts to the first one's, along chains of hosts that share packets. */
import type { Part, PartMeeting } from '../../correlate/hosts/chains.js';
import {
  addClocks,
  boundClock,
  SAME_CLOCK,
  setClock,
  type ClockSetting,
} from '../../correlate/hosts/clocks.js';

/** One setting per host; null for hosts that share no packet with the first one, directly or through others. */
export function setClocks(
  count: number,
  meetings: readonly PartMeeting[],
): (ClockSetting | null)[] {
  const clocks: (ClockSetting | null)[] = Array.from({ length: count }, () => null);
  clocks[0] = SAME_CLOCK;
  const queue = [0];
  for (const host of queue) {
    const own = clocks[host];
    if (!own) continue;
    for (let other = 0; other < count; other += 1) {
      if (clocks[other] !== null) continue;
      const towards = meetings.filter(({ from, to }) => isBetween(from, to, host, other));
      const back = meetings.filter(({ from, to }) => isBetween(from, to, other, host));
      if (![...towards, ...back].some(({ packets }) => packets.length > 0)) continue;
      clocks[other] = addClocks(own, setClock(boundClock({ towards, back })));
      queue.push(other);
    }
  }
  return clocks;
}

function isBetween(from: Part, to: Part, first: number, second: number): boolean {
  return from.host === first && to.host === second;
}
