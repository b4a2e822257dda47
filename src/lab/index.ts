// The built-in lab: a private Docker Engine and an outside client, for `trace-flow demo` and for the tests.

export { REDIS, type ContainerSpec, type LabContainer } from './containers.js';
export type { CommandResult, ExecOptions } from './enter.js';
export type { Lab, Where } from './lab.js';
export { findLeftovers, type LabTraces } from './leftovers.js';
export type { LabPlace } from './wire.js';
export { cleanStale } from './stale.js';
export { up, type LabOptions } from './up.js';
