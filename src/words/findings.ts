/** Turns faults of a host into findings: the evidence, and what to do about it. */
import type { Fault, Stopping } from '../model/fault.js';
import type { Finding } from '../model/explain.js';
import { ENGINE_FAULTS, type FaultWords } from './faults/engine.js';
import { FIREWALL_FAULTS } from './faults/firewalls.js';
import { ROUTING_FAULTS } from './faults/routing.js';
import { writeStopping } from './faults/stops.js';
import { write } from './writers.js';

const WRITERS = { ...ENGINE_FAULTS, ...FIREWALL_FAULTS, ...ROUTING_FAULTS };

type Described = Exclude<Fault, Stopping>;

export function writeFinding(fault: Fault): Finding {
  const { code, severity } = fault;
  const words =
    'stop' in fault ? writeStopping(fault) : write<Described, FaultWords, []>(WRITERS, fault);
  return { code, severity, ...words, ...('about' in fault && { about: fault.about }) };
}
