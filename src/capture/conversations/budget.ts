/** How many packets are kept: plenty of a small capture, the telling ones of a large one, never without bound. */

/** Packets kept per conversation, device and direction. */
const PLENTY = 16;
const FEW = 2;
/** Kept packets from which on fewer are kept. */
const LARGE = 40_000;
/** Packets that are held at the same time, from which on none is kept. */
const FULL = 400_000;
/** SYN, FIN and RST kept per conversation beyond that. */
const TURNS = 64;

/** What a conversation has used of it. */
export interface Spent {
  turns: number;
}

export class Budget {
  #kept = 0;
  #held = 0;

  /** So many are held by now: others were let go. */
  hold(packets: number): void {
    this.#held = packets;
  }

  /** `before` packets of this conversation were seen in this direction at this device. */
  allows(spent: Spent, before: number, turn: boolean): boolean {
    if (this.#held >= FULL) return false;
    const few = before < (this.#kept < LARGE ? PLENTY : FEW);
    const allowed = few || (turn && spent.turns < TURNS);
    if (!allowed) return false;
    if (!few) spent.turns += 1;
    this.#kept += 1;
    this.#held += 1;
    return true;
  }
}
