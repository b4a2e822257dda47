/** Tells by row which side of a leg sent a packet: all packets that one end of a conversation sent are of one side. */
import type { Endpoint } from '../../model/address.js';
import { BIT, type PacketTable } from '../../model/packet-table.js';

/** Bits for the packets that the first end of a conversation sent, and for those of the second. */
const FROM_FIRST = 1;
const FROM_SECOND = 2;

/** Whether packets of a conversation from one end to the other are of the side in question. */
export type IsOfSide = (conversation: number, source: Endpoint, destination: Endpoint) => boolean;

export class RowSides {
  readonly #table: PacketTable;
  readonly #conversations: readonly number[];
  /** By conversation, in the same order; few legs have more than two. */
  readonly #bits: readonly number[];

  constructor(table: PacketTable, conversations: readonly number[], isOfSide: IsOfSide) {
    this.#table = table;
    this.#conversations = conversations;
    this.#bits = conversations.map((conversation) => {
      const [first, second] = table.endsOf(conversation);
      return (
        (isOfSide(conversation, first, second) ? FROM_FIRST : 0) |
        (isOfSide(conversation, second, first) ? FROM_SECOND : 0)
      );
    });
  }

  has(row: number): boolean {
    const { bits, conversation } = this.#table;
    const own = conversation[row] ?? 0;
    const index = this.#conversations.length === 1 ? 0 : this.#conversations.indexOf(own);
    const sides = this.#bits[index] ?? 0;
    return (sides & (((bits[row] ?? 0) & BIT.BACK) === 0 ? FROM_FIRST : FROM_SECOND)) !== 0;
  }
}
