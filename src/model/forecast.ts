/** A prediction as codes and fields: src/words/predictions/forecast.ts makes the document's of it. */
import type { Prediction } from './explain.js';
import type { Reason } from './reason.js';

export type Forecast = Readonly<Omit<Prediction, 'from' | 'why' | 'obstacles'>> & {
  readonly from: Client;
  readonly why: Reason;
  readonly obstacles: readonly Reason[];
};

/** Who connects; of a container that might be there its bridge is told. */
export type Client =
  | { readonly kind: 'outside' | 'host' }
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'imagined-container'; readonly bridge: string };
