/** Reads and writes the page's address: `#51` is connection 51, `#51?path=dnat&words=redis` also sets the filter. */

export interface Address {
  /** Null if the address names none. */
  readonly connection: number | null;
  readonly filter: Readonly<Record<string, string>>;
}

/** Reads the address; null for a fragment of another form. */
export function readAddress(hash: string): Address | null {
  const [, id = '', query = ''] = /^#(\d*)(?:\?(.*))?$/.exec(hash) ?? [];
  if (id === '' && query === '') return null;
  return {
    connection: id === '' ? null : Number(id),
    filter: Object.fromEntries(new URLSearchParams(query)),
  };
}

export function writeAddress({ connection, filter }: Address): string {
  const set = Object.entries(filter).filter(([, value]) => value !== '');
  const query = new URLSearchParams(Object.fromEntries(set)).toString();
  return `#${connection ?? ''}${query === '' ? '' : `?${query}`}`;
}
