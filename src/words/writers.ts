/** A table of what makes the words for each code of a union. */

export type Writers<T extends { readonly code: string }, Words> = {
  readonly [Code in T['code']]: (told: Extract<T, { readonly code: Code }>) => Words;
};

export function write<T extends { readonly code: string }, Words>(
  writers: Writers<T, Words>,
  told: T,
): Words {
  const writer = writers[told.code as T['code']] as (told: T) => Words;
  return writer(told);
}
