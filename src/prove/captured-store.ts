/** Keeps captured connections in compact form until the whole capture is known. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { Services, ServiceSketch } from '../correlate/capture/services.js';
import type { TraceCoverage } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import type { Proof } from '../model/verdict.js';
import { isComplete } from './coverage/coverage.js';
import { judge } from './judge/judge.js';
import {
  KeptConnection,
  numberPlaced,
  outlineOf,
  SharedValues,
  type KeptOutline,
  type ListPosition,
} from './kept-connection.js';
import type { Packer } from './packed-texts.js';
import { settleFacts, settleOnWire } from './settle.js';
import { sketchOnWire, type WireDescribing, type WireSketch } from './sketch-wire.js';

/** What the end of a capture shows about all of its connections. */
export interface CaptureEnd {
  readonly coverage: TraceCoverage;
  readonly services: Services;
  /** Acknowledgements are in the file, and none was lost. */
  readonly hears: boolean;
}

/** Receives the connections of a capture that is read piece by piece. */
export interface CapturedKeeper {
  /** Whether this keeper needs to know how certain a path is. */
  readonly weighs: boolean;
  /** @param service null where the content of the connection decides nothing */
  take(
    connection: CapturedConnection,
    context: WireDescribing,
    service: ServiceSketch | null,
  ): void;
}

interface Kept {
  readonly place: ListPosition;
  readonly packed: Uint8Array;
  /** Judged as if the capture were complete and the content could belong to any connection. */
  readonly outline: KeptOutline;
  /** How certain its path is if the content belongs to this connection alone. */
  readonly proof: Proof;
  readonly service: ServiceSketch | null;
  /** Whether missing acknowledgements could change the outcome. */
  readonly listens: boolean;
}

const WHOLE: TraceCoverage = { sealed: true, lostEvents: 0, truncated: false, notes: [] };

export class CapturedStore implements CapturedKeeper {
  readonly weighs = true;
  readonly #packer: Packer;
  readonly #shared = new SharedValues();
  readonly #kept: Kept[] = [];
  readonly #namespaces = new Set<string>();

  constructor(packer: Packer) {
    this.#packer = packer;
  }

  /** Names of the namespaces in which packets of any connection were seen. */
  get namespaces(): ReadonlySet<string> {
    return this.#namespaces;
  }

  take(
    connection: CapturedConnection,
    context: WireDescribing,
    service: ServiceSketch | null,
  ): void {
    const { first } = connection.captured;
    const sketch = sketchOnWire(connection, context);
    for (const { namespace } of sketch.fields.hops) this.#namespaces.add(namespace);
    const told = settleOnWire(0, sketch, { coverage: WHOLE, own: null, hears: true });
    this.#kept.push({
      place: [first.first, first.id],
      packed: this.#packer.pack(JSON.stringify(sketch)),
      outline: outlineOf(told, this.#shared),
      proof: service ? proveOwn(sketch) : told.proof,
      service,
      listens: sketch.unheard !== null,
    });
  }

  /** Lists all connections, judged by the whole capture and numbered from 1. */
  list({ coverage, services, hears }: CaptureEnd): Connection[] {
    const lacksNothing = isComplete(coverage);
    const placed = this.#kept.map(({ place, packed, outline, proof, service, listens }) => {
      const own = service && services.explain(service);
      const tell = (): Connection =>
        settleOnWire(0, JSON.parse(this.#packer.unpack(packed)) as WireSketch, {
          coverage,
          own,
          hears,
        });
      const isKnown = lacksNothing && (hears || !listens);
      const shown = own === null ? outline : { ...outline, proof };
      const connection = new KeptConnection(
        isKnown ? shown : outlineOf(tell(), this.#shared),
        tell,
      );
      return { place, connection };
    });
    return numberPlaced(placed);
  }
}

function proveOwn({ facts, courses }: WireSketch): Proof {
  return judge(settleFacts(facts, courses.whole, 'content'), WHOLE).judgement.proof;
}
