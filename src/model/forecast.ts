/** A prediction as codes and fields; src/words/predictions/forecast.ts turns it into the document's form. */
import type { Prediction } from './explain.js';
import type { Reason } from './reason.js';

export type Forecast = Readonly<Omit<Prediction, 'from' | 'client' | 'why' | 'obstacles'>> & {
  readonly from: Client;
  readonly why: Reason;
  readonly obstacles: readonly Reason[];
};

/** Who connects; an imagined container is known by its bridge. */
export type Client =
  | { readonly kind: 'outside' | 'host' }
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'imagined-container'; readonly bridge: string };
