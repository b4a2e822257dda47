/** Imported before uvu, which reads these globals as it loads: queue the suites, and leave running them to us. */

Object.assign(globalThis, { UVU_DEFER: 1, UVU_INDEX: 0, UVU_QUEUE: [[null]] });
