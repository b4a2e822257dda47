/** Builds the page of the HTML report from the document's data: list, timeline, claims, map and events. */
import type { Explanation } from '../../../model/explain.js';
import type { Connection, Report } from '../../../model/report.js';
import type { StatisticsRow } from '../../../model/statistics.js';
import { layOut } from '../../layout/layout.js';
import { chooseConnections, summarise } from '../../layout/summary.js';
import { EVIDENCE_SIGNS } from '../../signs.js';
import { drawWays } from '../../svg/headline.js';
import { readAddress, writeAddress } from './address.js';
import { showConnection } from './connection.js';
import { createConnections } from './connections.js';
import { element } from './dom.js';
import { createEvents } from './events.js';
import { Lighting } from './light.js';
import { createMap } from './map.js';
import { createPicture } from './picture.js';
import { createStatistics } from './statistics.js';
import { createWaterfall } from './waterfall.js';

/** Width of the picture of ways. It must be set before `buildPage` runs. */
const WAYS = 832;
const report = readData('report') as Report;
const host = readData('host') as Explanation | null;
const { elements, start } = buildPage(report);
document.body.append(...elements);
start();

function readData(id: string): unknown {
  return JSON.parse(document.getElementById(id)?.textContent ?? '');
}

/** Builds the page; call `start` once it is in the document, where a timeline can measure itself. */
function buildPage({ connections, places, statistics }: Report): {
  elements: HTMLElement[];
  start: () => void;
} {
  const lighting = createLighting();
  const skip = element('a', { href: '#connection', class: 'skip' }, 'To the timeline');
  const page = [skip, drawHead()];
  const map = drawMap({ connections, places }, lighting);
  if (connections.length === 0) {
    return { elements: [...page, element('main', {}, [map])], start: () => undefined };
  }

  const find = (id: number | null | undefined): Connection | undefined =>
    connections.find((each) => each.id === id);
  const one = element('section', { class: 'long', 'aria-labelledby': 'connection' });
  const events = createEvents(connections, lighting);
  let shown: number | null = null;
  const show = (connection: Connection): void => {
    shown = connection.id;
    list.choose(connection.id);
    lighting.reset();
    showConnection(one, connection, report, lighting);
    events.choose(connection.id);
  };
  const note = (): void =>
    history.replaceState(null, '', writeAddress({ connection: shown, filter: list.filter.read() }));
  const open = (connection: Connection): void => {
    show(connection);
    note();
  };
  const list = createConnections(connections, open, note);
  const follow = (): boolean => {
    const address = readAddress(location.hash);
    if (address === null) return false;
    const connection = find(address.connection);
    if (connection) show(connection);
    list.filter.set(address.filter);
    if (connection) list.choose(connection.id);
    return connection !== undefined;
  };
  window.addEventListener('hashchange', follow);
  const waterfall = createWaterfall(connections, (id) => {
    const connection = find(id);
    if (connection) open(connection);
  });
  const byTime = waterfall && element('section', { 'aria-label': 'Over time' }, [waterfall]);
  const filter = ({ path, outcome }: StatisticsRow): void => list.filter.set({ path, outcome });
  const times =
    statistics.length > 0
      ? drawSection('statistics', 'Statistics', [createStatistics(statistics, filter)])
      : null;
  const listed = drawSection('connections', 'Connections', [list.element]);
  const told = drawSection('events', 'Events', [events.element], 'long');
  const main = element('main', {}, [listed, one, byTime, times, map, told]);
  const start = (): void => {
    const first = find(chooseFirst(connections));
    if (!follow() && first) show(first);
  };
  return { elements: [...page, main], start };
}

/** Escape puts out what is lit. */
function createLighting(): Lighting {
  const lighting = new Lighting();
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') lighting.pin();
  });
  return lighting;
}

/** The oddest connection, else the first one. */
function chooseFirst(connections: readonly Connection[]): number | undefined {
  const [oddest] = chooseConnections(summarise(connections), 1);
  return oddest ?? connections[0]?.id;
}

function drawMap(
  { connections, places }: Pick<Report, 'connections' | 'places'>,
  lighting: Lighting,
): HTMLElement {
  const hops = new Map(connections.flatMap((one) => one.hops.map((hop) => [hop.event, hop])));
  const drawn = createMap(places, host, (event) => hops.get(event), lighting);
  return drawSection('map', 'Map of the host', [drawn]);
}

/** A part of the page under its heading. */
function drawSection(
  id: string,
  title: string,
  children: readonly HTMLElement[],
  look: string | null = null,
): HTMLElement {
  const heading = element('h2', { id }, title);
  return element('section', { class: look, 'aria-labelledby': id }, [heading, ...children]);
}

/** Draws the answer: what happened, the ways as a picture, and how complete the trace is. */
function drawHead(): HTMLElement {
  const scene = layOut(report, { panels: 0 });
  const { subject, tone, outcome, way, notes, fix } = scene.headline;
  const about = [scene.about, scene.complete].filter((text) => text !== '').join(' · ');
  return element('header', {}, [
    element('div', { class: 'head' }, [
      element('h1', { class: tone }, `${EVIDENCE_SIGNS[tone]} ${subject}: ${outcome}`),
    ]),
    ...[way, ...notes].filter((text) => text !== '').map((text) => element('p', {}, text)),
    ...(fix === null
      ? []
      : [element('p', { class: 'why' }, [element('strong', {}, 'Fix: '), fix])]),
    element('p', { class: 'muted' }, about),
    ...scene.warnings.map((text) => element('p', { class: 'unsure' }, `! ${text}`)),
    scene.ways.length > 0
      ? createPicture(drawWays(scene, { left: 0, width: WAYS })(0), WAYS, `${subject}: ${outcome}`)
      : null,
  ]);
}
