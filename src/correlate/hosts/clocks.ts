/** Finds how far two hosts' clocks are apart, from packets that both saw: no packet arrives before it was sent. */
import type { Meeting } from './meet.js';

/**
 * Bounds in nanoseconds of how far the second host's clock is ahead of the first's; null where nothing bounds that
 * side.
 */
export interface ClockBounds {
  readonly least: number | null;
  readonly most: number | null;
}

/**
 * Bounds the difference of two clocks. A packet from the first host to the second arrives, by the two clocks, at least
 * as much later as the second clock is ahead. So the smallest such difference is the upper bound; packets the other way
 * give the lower bound.
 * @param meetings `towards` the second host for those whose client's packets leave the first one, `back` for the others
 */
export function boundClock(meetings: {
  readonly towards: readonly Meeting[];
  readonly back: readonly Meeting[];
}): ClockBounds {
  let least: number | null = null;
  let most: number | null = null;
  const see = (difference: number, there: boolean): void => {
    if (there) most = most === null ? difference : Math.min(most, difference);
    else least = least === null ? difference : Math.max(least, difference);
  };
  for (const { packets } of meetings.towards) {
    for (const { near, far } of packets) see(far.event.time - near.event.time, near.request);
  }
  for (const { packets } of meetings.back) {
    for (const { near, far } of packets) see(near.event.time - far.event.time, !near.request);
  }
  return { least, most };
}

export interface ClockSetting {
  /**
   * Nanoseconds by which the clock is ahead of the first host's, and the greatest error of that; null where unknown.
   */
  readonly offset: number | null;
  readonly error: number | null;
  /**
   * Nanoseconds to subtract from its times so that packets that both hosts saw are in order, even where the offset is
   * unknown.
   */
  readonly shift: number;
  /**
   * Nanoseconds by which the bounds contradict each other, because the clocks drifted meanwhile; null where they do
   * not.
   */
  readonly apart: number | null;
}

export const SAME_CLOCK: ClockSetting = { offset: 0, error: 0, shift: 0, apart: null };

/** Takes the middle of both bounds, as NTP does. */
export function setClock({ least, most }: ClockBounds): ClockSetting {
  if (least === null || most === null) {
    return { offset: null, error: null, shift: most ?? least ?? 0, apart: null };
  }
  const shift = Math.round((least + most) / 2);
  if (least > most) return { offset: null, error: null, shift, apart: least - most };
  return { offset: shift, error: Math.ceil((most - least) / 2), shift, apart: null };
}

/** The setting of a host that is known only through another host: errors add up. */
export function addClocks(a: ClockSetting, b: ClockSetting): ClockSetting {
  const known = a.offset !== null && b.offset !== null;
  return {
    offset: known ? a.shift + b.shift : null,
    error: a.error !== null && b.error !== null ? a.error + b.error : null,
    shift: a.shift + b.shift,
    apart: a.apart ?? b.apart,
  };
}
