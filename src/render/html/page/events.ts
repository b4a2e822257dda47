/** Builds the table of the events that the report lists, of the chosen connection or of all. */
import type { Connection, Hop } from '../../../model/report.js';
import { elapsed, formatBytes, formatCount } from '../../../words/numbers.js';
import { printable } from '../../text.js';
import { element } from './dom.js';
import type { Lighting } from './light.js';
import { createTable, type TableView } from './table.js';

interface EventRow {
  readonly hop: Hop;
  readonly connection: number;
}

const PAGE_SIZE = 100;

export interface EventsView {
  readonly element: HTMLElement;
  /** Sets the connection whose events are shown unless the reader asks for all. */
  readonly choose: (connection: number) => void;
}

export function createEvents(connections: readonly Connection[], lighting: Lighting): EventsView {
  const all = connections
    .flatMap(({ id, hops }) => hops.map((hop): EventRow => ({ hop, connection: id })))
    .sort((a, b) => a.hop.event - b.hop.event);
  const omitted = connections.reduce((sum, { hopsOmitted }) => sum + hopsOmitted, 0);
  const start = all[0]?.hop.time ?? '0';
  let lit: ReadonlySet<number> = new Set();
  let chosen = 0;
  const table = createEventTable(start, lighting, ({ hop }) => (lit.has(hop.event) ? 'lit' : ''));
  const every = element('input', { type: 'checkbox' });
  const words = element('input', { type: 'search', placeholder: 'address, device, flag' });
  const update = (): void => {
    const wanted = words.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const scope = every.checked ? all : all.filter(({ connection }) => connection === chosen);
    table.setRows(
      wanted.length === 0
        ? scope
        : scope.filter(({ hop }) => {
            const text = textOf(hop);
            return wanted.every((word) => text.includes(word));
          }),
    );
  };
  every.addEventListener('change', update);
  words.addEventListener('input', update);
  lighting.alwaysOnChange((events) => {
    lit = events;
    if (events.size > 0 && events === lighting.pinned) table.turnTo(events);
    table.refresh();
  });
  const cut =
    omitted === 0
      ? null
      : `${formatCount(omitted)} more events were counted, but are not in this file.`;
  return {
    element: element('div', {}, [
      element('div', { class: 'bar', role: 'search' }, [
        element('label', {}, ['Filter events', words]),
        element('label', {}, [every, 'of all connections']),
      ]),
      cut === null ? null : element('p', { class: 'muted' }, cut),
      table.element,
    ]),
    choose: (connection) => {
      chosen = connection;
      update();
    },
  };
}

function createEventTable(
  start: string,
  lighting: Lighting,
  classOf: (row: EventRow) => string,
): TableView<EventRow> {
  return createTable<EventRow>({
    name: 'Events',
    pageSize: PAGE_SIZE,
    keyOf: ({ hop }) => hop.event,
    open: ({ hop }) => lighting.pin([hop.event]),
    openLabel: 'Light up event',
    classOf,
    columns: [
      { head: 'event', text: ({ hop }) => String(hop.event), number: true },
      {
        head: 'ms',
        text: ({ hop }) => (elapsed(start, hop.time) / 1e6).toFixed(3),
        order: ({ hop }) => elapsed(start, hop.time),
        number: true,
      },
      { head: 'connection', text: ({ connection }) => `#${connection}` },
      { head: 'namespace', text: ({ hop }) => printable(hop.namespace) },
      { head: 'device', text: ({ hop }) => printable(hop.interface) },
      { head: 'direction', text: ({ hop }) => hop.direction ?? '' },
      { head: 'source', text: ({ hop }) => printable(hop.source) },
      { head: 'destination', text: ({ hop }) => printable(hop.destination) },
      { head: 'what', text: ({ hop }) => printable(hop.summary) },
      { head: 'rewritten', text: ({ hop }) => describeRewriting(hop) },
      {
        head: 'bytes',
        text: ({ hop }) => (hop.bytes > 0 ? formatBytes(hop.bytes) : ''),
        order: ({ hop }) => hop.bytes,
        number: true,
      },
      { head: 'process', text: ({ hop }) => describeProcess(hop) },
      { head: 'skb', text: ({ hop }) => printable(hop.skb ?? '') },
    ],
  });
}

function describeRewriting({ rewrite, secondRewrite }: Hop): string {
  return [rewrite, secondRewrite]
    .flatMap((one) => (one ? [`${one.field} ${printable(`${one.from} → ${one.to}`)}`] : []))
    .join(', ');
}

function describeProcess({ process }: Hop): string {
  return process ? printable(`${process.command} (${process.pid})`) : '';
}

function textOf(hop: Hop): string {
  const { source, destination, summary, kind, flags, direction } = hop;
  const parts = [hop.event, hop.namespace, hop.interface, source, destination, summary, kind];
  return [...parts, ...flags, direction, describeProcess(hop), hop.skb].join(' ').toLowerCase();
}
