/** Finds transfers of bytes from one socket of a process into another: spliced, or copied through its memory. */
import { sameEndpoint } from '../model/address.js';
import type { CopyEvent, MoveEvent, Protocol, SocketEnds, TraceEvent } from '../model/event.js';

export interface Transfer {
  /** The event that shows the bytes leaving: the splice, or the write. */
  readonly event: MoveEvent | CopyEvent;
  /** The read that brought them in; null for a splice. */
  readonly read: CopyEvent | null;
  readonly protocol: Protocol;
  /** Inode of the sockets' namespace; null when unknown. */
  readonly namespace: number | null;
  readonly from: SocketEnds & Pick<CopyEvent, 'life'>;
  readonly to: SocketEnds & Pick<CopyEvent, 'life'>;
  readonly bytes: number;
  /**
   * True when the kernel moved the bytes itself, or when the same piece, with the same length, beginning and end, was
   * written from the address where it had been read to. False when only length, beginning and end are the same.
   */
  readonly exact: boolean;
}

/** All transfers in order of time. The events must be in order of time. */
export function findTransfers(events: readonly TraceEvent[]): Transfer[] {
  const copies = new CopyMatcher();
  return events.flatMap((event) => {
    if (event.kind === 'move') return [readMove(event)];
    if (event.kind !== 'copy') return [];
    if (event.operation === 'write') return copies.write(event) ?? [];
    copies.read(event);
    return [];
  });
}

function readMove(event: MoveEvent): Transfer {
  const { from, to, bytes } = event;
  return { event, read: null, protocol: 'tcp', namespace: null, from, to, bytes, exact: true };
}

/** Finds the read that written bytes came from. */
class CopyMatcher {
  /** The last read into each address of each process's memory. */
  readonly #filled = new Map<string, CopyEvent>();
  /** Reads that were not written on yet, by process, protocol, length, beginning and end. */
  readonly #open = new Map<string, CopyEvent[]>();

  read(event: CopyEvent): void {
    if (event.buffer !== '') this.#filled.set(place(event), event);
    const key = likeness(event);
    const open = this.#open.get(key) ?? [];
    open.push(event);
    this.#open.set(key, open);
  }

  write(event: CopyEvent): Transfer | null {
    const same = this.#filled.get(place(event));
    // The memory may now hold another text of the process that begins alike: its length and end tell.
    const exact =
      same !== undefined && likeness(same) === likeness(event) && !isSameSocket(same, event);
    const read = exact ? same : this.#findAlike(event);
    if (read === null) return null;
    const open = this.#open.get(likeness(read));
    open?.splice(open.indexOf(read), 1);
    return {
      event,
      read,
      protocol: event.protocol,
      namespace: event.namespace,
      from: read,
      to: event,
      bytes: Math.min(read.bytes, event.bytes),
      exact,
    };
  }

  /** The oldest unmatched read that is alike, if all such reads come from one socket. */
  #findAlike(event: CopyEvent): CopyEvent | null {
    if (event.buffer === '' || event.buffer === NO_BUFFER) return null;
    const alike = (this.#open.get(likeness(event)) ?? []).filter(
      (read) => !isSameSocket(read, event),
    );
    const [first] = alike;
    return first && alike.every((read) => isSameSocket(read, first)) ? first : null;
  }
}

function place({ pid, buffer }: CopyEvent): string {
  return `${pid}|${buffer}`;
}

/** The buffer of sendfile, which writes from a file. */
const NO_BUFFER = '0';

function likeness({ pid, protocol, bytes, mark, tail }: CopyEvent): string {
  return `${pid}|${protocol}|${bytes}|${mark}|${tail ?? ''}`;
}

/** An unconnected socket of datagrams counts as one socket per peer. */
function isSameSocket(a: CopyEvent, b: CopyEvent): boolean {
  return a.socket === b.socket && sameEndpoint(a.remote, b.remote);
}
