/** Sums up captured connections for a listing: equal connections share one row, so rows grow with ports alone. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { CaptureEnd, CapturedKeeper } from './captured-store.js';
import { isComplete } from './coverage/coverage.js';
import { listOnWire, type Listed, type ListedSketch } from './list-wire.js';
import type { WireDescribing } from './sketch-wire.js';

/** Connections that look the same in a listing. */
export interface ListedGroup extends Listed {
  readonly count: number;
}

interface Draft {
  readonly sketch: ListedSketch;
  count: number;
  fromClient: number;
  fromServer: number;
  /** When the first of them began; `id` is its number. */
  first: number;
  id: number;
}

export class ListingTally implements CapturedKeeper {
  readonly weighs = false;
  readonly #drafts = new Map<string, Draft>();

  take(connection: CapturedConnection, context: WireDescribing): void {
    const { first, id } = connection.captured.first;
    const sketch = listOnWire(connection, context);
    const { bytes } = sketch.whole;
    const key = keyOf(sketch);
    let draft = this.#drafts.get(key);
    if (!draft) {
      draft = { sketch, count: 0, fromClient: 0, fromServer: 0, first, id };
      this.#drafts.set(key, draft);
    }
    draft.count += 1;
    draft.fromClient += bytes.fromClient;
    draft.fromServer += bytes.fromServer;
    if (first > draft.first || (first === draft.first && id > draft.id)) return;
    draft.first = first;
    draft.id = id;
  }

  /** Lists the groups in the order in which the first connection of each was seen. */
  list({ coverage, hears }: Pick<CaptureEnd, 'coverage' | 'hears'>): ListedGroup[] {
    const lacksNothing = isComplete(coverage);
    return [...this.#drafts.values()]
      .sort((a, b) => a.first - b.first || a.id - b.id)
      .map(({ sketch, count, fromClient, fromServer }) => {
        const { whole, lossy } = hears ? sketch : (sketch.unheard ?? sketch);
        return { ...(lacksNothing ? whole : lossy), count, bytes: { fromClient, fromServer } };
      });
  }
}

function keyOf({ whole, lossy, unheard }: ListedSketch): string {
  const { protocol, server, container } = whole;
  const paths = [whole, lossy, ...(unheard ? [unheard.whole, unheard.lossy] : [])].map(
    ({ path }) => path,
  );
  const to = container ?? lossy.container;
  return `${protocol}|${server?.address}|${server?.port}|${to?.address}|${to?.port}|${paths.join('|')}`;
}
