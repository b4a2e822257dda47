/** Renders the map of a host as an SVG document. */
import type { Explanation } from '../../model/explain.js';
import { serialisePicture } from './document.js';
import { drawTopology } from './topology.js';

/** One well-formed SVG document without scripts or references. Loads d3-node and a DOM when called. */
export async function renderTopologySvg(explanation: Explanation): Promise<string> {
  return serialisePicture(drawTopology(explanation));
}
