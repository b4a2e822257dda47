/** Lists the ways that connections took and how they ended; a picture shows these first. */
import type { Connection, Report } from '../../model/report.js';
import { layOutConnection } from './panel.js';
import type { WayGroup } from './scene.js';

/** More ways do not fit one screen. */
const MOST_WAYS = 4;

interface Ways {
  readonly ways: readonly WayGroup[];
  readonly moreWays: number;
}

/** Groups by path and outcome; failed ways come first, then the most used. */
export function listWays(connections: readonly Connection[], places: Report['places']): Ways {
  const groups = [
    ...Map.groupBy(connections, ({ path, outcome }) => `${path}/${outcome}`).values(),
  ].sort((a, b) => Number(isGood(a)) - Number(isGood(b)) || b.length - a.length);
  const ways = groups.slice(0, MOST_WAYS).flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { path, outcome, id } = first;
    const { ladder } = layOutConnection(first, places);
    return [{ count: group.length, path, outcome, id, ladder }];
  });
  return { ways, moreWays: groups.length - ways.length };
}

function isGood([first]: readonly Connection[]): boolean {
  return first?.outcome === 'answered';
}
