/** Draws the map's numbered arrows: from each client over devices and relays to the container, or until they fail. */
import type { Prediction } from '../../model/explain.js';
import { formatEvents } from '../../words/numbers.js';
import { label } from './block.js';
import type { Route } from './map-routes.js';
import { arrowHead, eventDot } from './marks.js';
import { drawOutcomeMark } from './outcome-mark.js';
import { line, type Shape } from './shapes.js';
import { PATH_LOOKS } from './waterfall.js';
import type { Colour } from './style.js';

/** Where a card stands, for arrows that lead to it. */
export interface Anchor {
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
}

/** A port of a bridge, and the container at its other end. */
export interface Joint extends Anchor {
  readonly right: number;
  /** Left edge of the container's card. */
  readonly far: number;
  /** Right edge of the host. */
  readonly edge: number;
}

/** Where the cards stand; filled while they are drawn. */
export interface Anchors {
  outside: number | null;
  host: number;
  devices: Anchor | null;
  readonly relays: Map<string, Anchor>;
  readonly joints: Map<string, Joint>;
}

export function colourOfPredicted(path: Prediction['path']): Colour {
  if (path === 'dropped' || path === 'refused') return 'bad';
  return path === 'unknown' ? 'unsure' : PATH_LOOKS[path].colour;
}

const STEP = 22;

/** Width that the arrows need beside the cards of the host. */
export function gutterFor(routes: readonly Route[]): number {
  return routes.length === 0 ? 0 : routes.length * STEP + 10;
}

type End = 'passes' | 'arrives' | 'leaves' | 'dropped' | 'refused';

interface Stub {
  readonly route: Route;
  readonly at: Anchor;
  readonly end: End;
}

/** @param left where the arrows' room begins */
export function drawArrows(routes: readonly Route[], anchors: Anchors, left: number): Shape[] {
  const stubs = routes.flatMap((route) => listStubs(route, anchors));
  const drawn = routes.map((route) => {
    const own = stubs.filter((stub) => stub.route === route);
    const heights = own.map((stub) => heightOf(stub, stubs));
    const outside = route.prediction.from === 'outside' ? anchors.outside : null;
    const above = outside ?? anchors.host;
    const begin = route.client === null ? above : (heights[0] ?? anchors.host);
    const x = left + (route.number - 0.5) * STEP;
    return drawRoute(route, own, { x, begin, heights });
  });
  // Numbers last, so that no line runs over one.
  return [
    ...drawn.flatMap(({ shafts }) => shafts),
    ...drawn.map(({ number }) => number),
    ...[...anchors.joints].flatMap(([name, joint]) => drawJoint(name, joint, routes)),
  ];
}

/** Lists where a route touches the host's cards, in the order of the route. */
function listStubs(route: Route, { devices, relays, joints }: Anchors): Stub[] {
  const { client, relay, container, prediction } = route;
  const stubs: (Stub | null)[] = [];
  const add = (at: Anchor | null | undefined, end: End): void => {
    if (at) stubs.push({ route, at, end });
  };
  const failed = isFailure(prediction);
  const target = container === null ? undefined : joints.get(container);
  if (client !== null) add(joints.get(client), 'leaves');
  if (prediction.from === 'outside' && (target || relay !== null)) add(devices, 'passes');
  if (relay !== null) add(relays.get(relay), target ? 'passes' : 'arrives');
  if (target) add(target, prediction.path === 'dropped' ? 'dropped' : 'arrives');
  else if (relay === null) add(devices, failed ?? 'arrives');
  return stubs.filter((stub) => stub !== null);
}

function isFailure({ path }: Prediction): 'dropped' | 'refused' | null {
  return path === 'dropped' || path === 'refused' ? path : null;
}

/** `x` of a route's vertical line, and the heights where it begins and where it meets each of its stubs. */
interface Course {
  readonly x: number;
  readonly begin: number;
  readonly heights: readonly number[];
}

function drawRoute(
  route: Route,
  own: readonly Stub[],
  { x, begin, heights }: Course,
): { readonly shafts: readonly Shape[]; readonly number: Shape } {
  const colour = colourOfPredicted(route.prediction.way ?? route.prediction.path);
  const ys = [begin, ...heights];
  const shafts = [
    line([x, Math.min(...ys), x, Math.max(...ys)], { class: `s-${colour} shaft` }),
    ...own.flatMap(({ at, end }, i): Shape[] => {
      const y = heights[i] ?? at.top;
      const shaft = line([x, y, at.left - (end === 'leaves' ? 0 : 6), y], {
        class: `s-${colour} shaft`,
      });
      if (end === 'leaves') return [shaft];
      if (end === 'dropped' || end === 'refused') {
        return [shaft, ...drawOutcomeMark(end, at.left - 12, y)];
      }
      return [shaft, arrowHead(at.left, y, 1, colour)];
    }),
  ];
  return { shafts, number: eventDot(x, begin, String(route.number), colour) };
}

/** Height of a stub: stubs at one card are spread over the card's height. */
function heightOf(stub: Stub, all: readonly Stub[]): number {
  const there = all.filter(({ at }) => at === stub.at);
  const { top, bottom } = stub.at;
  const share = (bottom - top - 8) / there.length;
  return top + 4 + share * (there.indexOf(stub) + 0.5);
}

/** Writes incoming routes above the wire and outgoing ones below it; adds a mark if a route is refused inside. */
function drawJoint(name: string, joint: Joint, routes: readonly Route[]): Shape[] {
  const y = joint.top + 14;
  const inside = routes.filter(
    ({ container, prediction }) => container === name && prediction.path !== 'dropped',
  );
  const arrives = inside.filter(({ prediction }) => prediction.path !== 'refused');
  const leaves = routes.filter(({ client }) => client === name);
  const style = { size: 11, face: 'mono' } as const;
  const told = (sign: string, some: readonly Route[]): string =>
    `${sign} ${formatEvents(some.map(({ number }) => number))}`;
  return [
    ...(inside.length > 0 ? [label([joint.edge + 6, y - 6], told('→', inside), style)] : []),
    ...(leaves.length > 0 ? [label([joint.edge + 6, y + 16], told('←', leaves), style)] : []),
    ...(arrives.length > 0 ? [arrowHead(joint.far, y, 1, 'request')] : []),
    ...(inside.length > arrives.length ? drawOutcomeMark('refused', joint.far - 20, y) : []),
  ];
}
