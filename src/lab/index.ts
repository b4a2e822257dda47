/** The built-in lab: a private Docker Engine and an outside client, for `trace-flow demo` and for the tests. */

export { REDIS, type LabContainer } from './containers.js';
export type { Lab, Where } from './lab.js';
export { findLeftovers, type LabTraces } from './leftovers.js';
export { cleanStale } from './stale.js';
export { up } from './up.js';
