/** Builds the list of connections, with filter and sort. */
import { formatEndpoint } from '../../../model/address.js';
import type { Connection } from '../../../model/report.js';
import { formatBytes, formatCount } from '../../../words/numbers.js';
import { tellOutcome } from '../../signs.js';
import { printable } from '../../text.js';
import { element } from './dom.js';
import { createFilter, type Filter } from './filter.js';
import { createTable } from './table.js';

export interface ConnectionsView {
  readonly element: HTMLElement;
  /** Marks the chosen connection and turns to its page. */
  readonly choose: (id: number) => void;
  readonly filter: Filter;
}

const PAGE_SIZE = 20;

export function createConnections(
  connections: readonly Connection[],
  open: (connection: Connection) => void,
  filtered: () => void,
): ConnectionsView {
  let chosen = 0;
  const table = createTable<Connection>({
    name: 'Connections',
    pageSize: PAGE_SIZE,
    keyOf: ({ id }) => id,
    open,
    openLabel: 'Show connection',
    classOf: ({ id }) => (id === chosen ? 'chosen' : ''),
    columns: [
      { head: '#', text: ({ id }) => String(id), number: true },
      { head: 'path', text: ({ path }) => path },
      { head: 'proof', text: ({ proof }) => proof },
      { head: 'outcome', text: ({ outcome }) => tellOutcome(outcome) },
      { head: 'client', text: nameClient },
      { head: 'dialled', text: ({ server }) => (server ? formatEndpoint(server) : 'not seen') },
      { head: 'container', text: nameContainer },
      { head: 'bytes', text: (one) => formatBytes(bytesOf(one)), order: bytesOf, number: true },
      { head: 'events', text: (one) => formatCount(eventsOf(one)), order: eventsOf, number: true },
      { head: 'protocol', text: ({ protocol }) => protocol },
    ],
  });
  const found = element('span', { role: 'status' });
  const update = (): void => {
    const rows = connections.filter(filter.accepts);
    table.setRows(rows);
    found.textContent = `${formatCount(rows.length)} of ${formatCount(connections.length)} shown`;
  };
  const filter = createFilter(connections, () => {
    update();
    filtered();
  });
  filter.element.append(found);
  update();
  return {
    element: element('div', {}, [filter.element, table.element]),
    filter,
    choose: (id) => {
      chosen = id;
      table.turnTo(new Set([id]));
      table.refresh();
    },
  };
}

function nameClient({ client, processes, clientNamespace }: Connection): string {
  const who = [processes.client?.command, clientNamespace && `in ${clientNamespace}`];
  const named = who.filter((part) => part).join(' ');
  return printable(`${formatEndpoint(client)}${named === '' ? '' : ` ${named}`}`);
}

function nameContainer({ container }: Connection): string {
  if (!container) return '';
  const name = container.name === container.address ? '' : `${container.name} `;
  return printable(name + formatEndpoint(container));
}

function bytesOf({ bytes }: Connection): number {
  return bytes.fromClient + bytes.fromServer;
}

function eventsOf({ hops, hopsOmitted }: Connection): number {
  return hops.length + hopsOmitted;
}
