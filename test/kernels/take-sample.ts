/** Cuts samples/nat-hooks.ndjson from a run's recording with probes on functions: `node dist/test/kernels/take-sample.js RECORDING`. */
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { formatRecording, parseRecording } from '../../src/capture/recording.js';
import { findConnections } from '../../src/correlate/connections.js';
import { keepRelevant } from '../../src/correlate/relevant.js';

const SAMPLE = fileURLToPath(new URL('../../../samples/nat-hooks.ndjson', import.meta.url));

/** The lab's outside client, and its host's own address. */
const CLIENTS = ['198.51.100.2', '198.51.100.1'];
const PORT = 8080;

const [, , file] = process.argv;
if (file === undefined) throw new Error('which recording?');
const trace = parseRecording(await readFile(file, 'utf8'), file);
const kept = new Set(
  findConnections(trace)
    .filter(({ leg }) => leg.server?.port === PORT && CLIENTS.includes(leg.client.address))
    .flatMap(({ leg }) => leg.events.map(({ id }) => id)),
);
const chosen = trace.events.filter(({ id, kind }) => kept.has(id) || kind === 'function');
const events = keepRelevant(chosen, trace.header.topology).map((event, index) => ({
  ...event,
  id: index + 1,
}));
await writeFile(SAMPLE, formatRecording({ ...trace, events }));
process.stderr.write(`${events.length} of ${trace.events.length} events\n`);
