/** Reads which kinds of events a trace would have reported, so that their absence proves something. */
import { WITNESSES, type TraceHeader, type Witness } from '../../model/trace.js';

export type Witnesses = ReadonlySet<Witness>;

export const NO_WITNESSES: Witnesses = new Set();

/** Recordings before version 0.2 do not name their witnesses; these probes show which they had. */
const EARLIER: Readonly<Record<Witness, string | null>> = {
  accepts: 'tracepoint:syscalls:sys_exit_accept4',
  copies: 'tracepoint:syscalls:sys_enter_recvfrom',
  asides: null,
};

export function readWitnesses({ attached, witnesses }: TraceHeader['probes']): Witnesses {
  if (witnesses) return new Set(witnesses);
  return new Set(
    WITNESSES.filter((witness) => {
      const probe = EARLIER[witness];
      return probe !== null && attached.includes(probe);
    }),
  );
}
