/** Reads the sums of a closing socket, as tcp-states.bt prints them. */
import type { SocketSums } from '../../model/event.js';

/** The kernel counts repeats as sent, and a FIN as received. */
export function readSums(fields: readonly number[]): SocketSums {
  const [sent = 0, sentAgain = 0, acknowledged = 0, received = 0, finCame = 0, ...segments] =
    fields;
  const [segmentsSent = 0, segmentsReceived = 0, retransmits = 0] = segments;
  return {
    sent: sent - sentAgain,
    sentAgain,
    acknowledged,
    received: received - finCame,
    segmentsSent,
    segmentsReceived,
    retransmits,
  };
}
