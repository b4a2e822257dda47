/** The type of a table with a function for each code of a union, which makes the words for it. */

interface Coded {
  readonly code: string;
}

/** @template More further arguments of each function */
export type Writers<T extends Coded, Words, More extends unknown[] = []> = {
  readonly [Code in T['code']]: (told: Of<T, Code>, ...more: More) => Words;
};

/** The members of a union that may have a code. */
type Of<T extends Coded, Code> = T extends Coded ? (Code extends T['code'] ? T : never) : never;

export function write<T extends Coded, Words, More extends unknown[]>(
  writers: Writers<T, Words, More>,
  told: T,
  ...more: More
): Words {
  const writer = writers[told.code as T['code']] as (told: T, ...more: More) => Words;
  return writer(told, ...more);
}
