/** Decides which packets are kept: many of a small capture, few of a large one, and never more than a limit. */

/** Packets kept per conversation, device and direction. */
const PLENTY = 16;
const FEW = 2;
/** Number of kept packets from which on fewer are kept per conversation. */
const LARGE = 40_000;
/** Number of packets held at the same time from which on no more are kept. */
const FULL = 400_000;
/** SYN, FIN and RST kept per conversation beyond that. */
const TURNS = 64;

/** What a conversation has used of the budget. */
export interface Spent {
  turns: number;
}

export class Budget {
  #kept = 0;
  #held = 0;

  /** Sets how many packets are held after others were released. */
  hold(packets: number): void {
    this.#held = packets;
  }

  /** `before` is the number of earlier packets of this conversation in this direction at this device. */
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
