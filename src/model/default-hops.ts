/** Hops of each connection in a report, unless the user says how many. */
export const HOPS = 64;
