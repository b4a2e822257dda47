/** Makes the three results of a check: ok, warning, missing. */
import type { Check } from '../model/doctor.js';

export function ok(code: string, finding: string): Check {
  return { code, status: 'ok', finding, remedy: null };
}

export function warning(code: string, finding: string, remedy: string | null): Check {
  return { code, status: 'warning', finding, remedy };
}

export function missing(code: string, finding: string, remedy: string): Check {
  return { code, status: 'missing', finding, remedy };
}
