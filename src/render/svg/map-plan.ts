/** Plans what the map draws and where its columns stand. */
import type { Explanation } from '../../model/explain.js';
import { gutterFor, type Anchors } from './map-arrows.js';
import { listConcerned, listRoutes, type Routes } from './map-routes.js';

export const MARGIN = 24;
/** Width of the host's cards. */
export const INSIDE = 420;
/** Distance between the host and its containers. */
const WIRE = 124;
export const CONTAINER_WIDTH = 316;

export interface Plan {
  readonly explanation: Explanation;
  readonly routes: Routes;
  /** Names of the concerned containers; null if nothing is predicted: then all are drawn. */
  readonly concerned: ReadonlySet<string> | null;
  /** Left edge of the host's cards, right of the arrows. */
  readonly left: number;
  readonly hostRight: number;
  readonly containerLeft: number;
  readonly width: number;
  readonly anchors: Anchors;
}

/** Pure; but drawing later fills the anchors. */
export function planMap(explanation: Explanation): Plan {
  const routes = listRoutes(explanation);
  const left = MARGIN + 16 + gutterFor(routes.routes);
  const hostRight = left + INSIDE + 16;
  const containerLeft = hostRight + WIRE;
  return {
    explanation,
    routes,
    left,
    hostRight,
    containerLeft,
    concerned: explanation.predictions.length > 0 ? listConcerned(explanation, routes) : null,
    width: containerLeft + CONTAINER_WIDTH + MARGIN,
    anchors: { outside: null, host: 0, devices: null, relays: new Map(), joints: new Map() },
  };
}
