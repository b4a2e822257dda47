/** Records when retired legs existed: where packets are missing, any leg of that time may be what belongs to a pair. */

interface Time {
  readonly from: number;
  readonly until: number;
}

export class BusyTimes {
  /** In order, without overlaps. */
  #times: Time[] = [];

  add(added: readonly Time[]): void {
    const merged: Time[] = [];
    for (const time of [...this.#times, ...added].sort((a, b) => a.from - b.from)) {
      const last = merged.at(-1);
      if (last === undefined || time.from > last.until) merged.push(time);
      else if (time.until > last.until)
        merged.splice(-1, 1, { from: last.from, until: time.until });
    }
    this.#times = merged;
  }

  /** Forgets periods that ended before this time. */
  forget(before: number): void {
    this.#times = this.#times.filter(({ until }) => until >= before);
  }

  overlaps(from: number, until: number): boolean {
    return this.#times.some((time) => time.from <= until && time.until >= from);
  }
}
