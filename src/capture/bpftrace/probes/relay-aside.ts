/** Reads calls of a relay or server whose bytes no probe follows. */
import type { AsideEvent, Unnumbered } from '../../../model/event.js';
import { describeCall, nameAside } from '../asides.js';
import { escapeCommand, hex, highHalf, lowHalf } from '../line-fields.js';
import { tracepointsOf, withoutTracepoints, type ProbeFile } from '../probe-file.js';
import { defineLine, type ProbeSlice } from './slice.js';

const callLine = defineLine<Unnumbered<AsideEvent>>({
  letter: 'Q',
  kind: 'aside',
  fields: [6],
  numbers: [1, -1],
  named: true,
  read(f, reader) {
    const what = nameAside(hex(f[3]));
    if (what === null) return null;
    const task = { pid: highHalf(f[2]), tid: lowHalf(f[2]), command: escapeCommand(f[5]) };
    return { ...describeCall(what, task, hex(f[4])), time: reader.time(f[1]) };
  },
  seal: null,
});

/** The tracepoint of a request to io_uring, and its name before 6.3. Without either, the call itself is reported. */
const RING_REQUEST = 'io_uring:io_uring_submit_req';
const EARLIER_RING_REQUEST = 'io_uring:io_uring_submit_sqe';
const RING_CALL = 'syscalls:sys_enter_io_uring_enter';

/** When the kernel has tracepoints of calls at all, a call without one does not exist in this kernel. */
function adapt(found: ProbeFile, available: ReadonlySet<string>): ProbeFile {
  if (!available.has('syscalls:sys_enter_read')) return found;
  const earlier = !available.has(RING_REQUEST) && available.has(EARLIER_RING_REQUEST);
  const file = earlier
    ? { name: found.name, text: found.text.replaceAll(RING_REQUEST, EARLIER_RING_REQUEST) }
    : found;
  const told = earlier || available.has(RING_REQUEST);
  const absent = tracepointsOf(file).filter(
    (point) => !available.has(point) || (told && point === RING_CALL),
  );
  return absent.length === 0 ? file : withoutTracepoints(file, absent);
}

export const relayAside: ProbeSlice = {
  file: 'relay-aside.bt',
  lines: [callLine],
  signs: [],
  when: 'copying-relays',
  witnesses: ['asides'],
  guard: 'aside',
  adapt,
};
