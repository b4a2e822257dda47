/** Builds the filter of the connections: words, and one choice each of path, outcome and proof. */
import type { Connection } from '../../../model/report.js';
import { element } from './dom.js';

const CHOICES = ['path', 'outcome', 'proof'] as const;

export interface Filter {
  readonly element: HTMLElement;
  readonly accepts: (connection: Connection) => boolean;
  /** The current values, as they stand in the page's address. */
  readonly read: () => Record<string, string>;
  /** Sets all fields; a field is cleared if its value is missing or not offered here. */
  readonly set: (values: Readonly<Record<string, string>>) => void;
}

/** Makes the filter for these connections; `changed` is called when the reader changes it. */
export function createFilter(connections: readonly Connection[], changed: () => void): Filter {
  const words = element('input', { type: 'search', placeholder: 'address, name, process, reason' });
  words.addEventListener('input', changed);
  const choices = CHOICES.map((field) => {
    const values = [...new Set(connections.map((one) => one[field]))].sort();
    const select = element('select', {}, [
      element('option', { value: '' }, 'all'),
      ...values.map((value) => element('option', { value }, value)),
    ]);
    select.addEventListener('change', changed);
    return { field, select };
  });
  const texts = new Map(connections.map((one) => [one, describe(one)]));
  return {
    element: element('div', { class: 'bar', role: 'search' }, [
      element('label', {}, ['Filter', words]),
      ...choices.map(({ field, select }) => element('label', {}, [field, select])),
    ]),
    read: () => ({
      words: words.value,
      ...Object.fromEntries(choices.map(({ field, select }) => [field, select.value])),
    }),
    set: (values) => {
      words.value = values['words'] ?? '';
      for (const { field, select } of choices) {
        select.value = values[field] ?? '';
        if (select.selectedIndex < 0) select.value = '';
      }
      changed();
    },
    accepts: (connection) => {
      const wanted = words.value.toLowerCase().split(/\s+/);
      const text = texts.get(connection) ?? '';
      return (
        wanted.every((word) => text.includes(word)) &&
        choices.every(({ field, select }) => ['', connection[field]].includes(select.value))
      );
    },
  };
}

/** The text in which words are searched. */
function describe({ hops, evidence, ...rest }: Connection): string {
  const names = new Set(hops.map(({ namespace }) => namespace));
  const claims = evidence.map(({ claim }) => claim);
  const { client, server, container } = rest;
  const ends = [client, server, container].map((end) => (end ? `${end.address}:${end.port}` : ''));
  return [JSON.stringify(rest), ...ends, ...names, ...claims].join(' ').toLowerCase();
}
