/**
 * Captures and recordings that were once judged wrongly, one test for each file; the table of these cases is beside
 * the files.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { parseRecording } from '../../src/capture/recording.js';
import { UserError } from '../../src/model/errors.js';
import type { Report } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderPcapng } from '../../src/render/pcapng/pcapng.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';

const test = suite('cases');

const load = (name: string): Buffer =>
  readFileSync(
    fileURLToPath(new URL(`../../../test/prove/fixtures/cases/${name}`, import.meta.url)),
  );

const read = (ports: readonly number[], ...names: string[]): Promise<Trace> =>
  readTogether(names.map(load), ports);

const paths = ({ connections }: Report): string[] =>
  connections.map(({ path, proof, outcome }) => `${path} ${proof} ${outcome}`);

for (const name of ['03-synack-lost.pcap', '02-notrack-reply.pcap']) {
  test(`${name}: not answered, as the client never acknowledged`, async () => {
    const report = analyse(await read([8080], name));
    assert.equal(
      report.connections.map(({ outcome }) => outcome),
      report.connections.map(() => 'unanswered'),
    );
    assert.ok(report.connections.length > 0);
    assert.match(report.verdict.reason, /the client never acknowledged the SYN\+ACK/);
  });
}

test('18-coincidence.pcap: a few equal bytes on a connection of its own prove no relay', async () => {
  const { connections } = analyse(await read([8080], '18-coincidence.pcap'));
  assert.ok(connections.length > 0);
  for (const { proof, relay } of connections) assert.equal([proof, relay], ['inconclusive', null]);
});

test('19-vxlan.pcap: the connection inside, and the tunnel that it came by', async () => {
  const { connections } = analyse(await read([], '19-vxlan.pcap'));
  assert.equal(
    connections.map(({ server, via }) => [server?.port, via?.map(({ kind }) => kind)]),
    [[8080, ['vxlan']]],
  );
});

for (const names of [
  ['edited-copy-same-mac-same-ttl-same-time.pcap'],
  ['replayed-unique-ip-both-ends-differ.pcap'],
  ['two-years-apart-A.pcap', 'two-years-apart-B.pcap'],
]) {
  test(`${names.join(' and ')}: likeness is no identity, and nothing is rewritten`, async () => {
    const report = analyse(await read([], ...names));
    assert.equal(paths(report), ['unknown inconclusive answered', 'unknown inconclusive answered']);
    for (const { nat, hops } of report.connections) {
      assert.is(nat, null);
      assert.equal(
        hops.filter(({ rewrite }) => rewrite),
        [],
      );
    }
  });
}

test('comment-esc.pcapng: what the file says cannot steer a terminal', async () => {
  const { tail } = await read([], 'comment-esc.pcapng');
  assert.match(tail.notes.join(), 'hello');
});

test('pcapng-defect-24-762.pcapng: times that no clock has are left out, and it is written again', async () => {
  const trace = await read([], 'pcapng-defect-24-762.pcapng');
  assert.match(trace.tail.notes.join(), /10 packets were skipped: their time is before 1970/);
  assert.ok(renderPcapng(analyse(trace), trace).length > 0);
});

const record = (name: string): Trace => parseRecording(load(name).toString('utf8'), name);

test('rec-defect-21-180.ndjson: a line that is no event ends what is read, and it is written as a capture', () => {
  const trace = record('rec-defect-21-180.ndjson');
  const report = analyse(trace);
  assert.ok(trace.tail.truncated);
  assert.not.ok(report.connections.some(({ proof }) => proof === 'proven'));
  assert.ok(renderPcapng(report, trace).length > 0);
});

test('rec-defect-21-1372.ndjson: a number beyond all numbers is refused, with what to do', () => {
  try {
    record('rec-defect-21-1372.ndjson');
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    assert.match(error.message, /is not a recording that this version can read \(target\.ports\.0/);
    return;
  }
  assert.unreachable();
});

test.run();
