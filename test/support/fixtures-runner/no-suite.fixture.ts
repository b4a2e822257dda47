/** Registers nothing at all. */
export const nothing = 'to run';
