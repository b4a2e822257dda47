/**
 * Raw tracepoints in place of tracepoints: the arguments that probes read there, and the versions of bpftrace that
 * know them.
 */
import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { explainFailure } from '../../src/capture/bpftrace/failure.js';
import { planProbes, PROBE_FILES } from '../../src/capture/bpftrace/plan.js';
import { tracepointsOf } from '../../src/capture/bpftrace/probe-file.js';
import { RAW_FUNCTIONS, rawSupportOf, toRawProbe, useRaw } from '../../src/capture/bpftrace/raw.js';
import { suite } from '../support/suite.js';

const test = suite('raw tracepoints');

async function readProbe(name: string) {
  return {
    name,
    text: await readFile(new URL(`../../../probes/${name}`, import.meta.url), 'utf8'),
  };
}

test('what a packet passes and what a socket becomes is told by raw tracepoints, what processes call is not', async () => {
  const files = await Promise.all(PROBE_FILES.map(readProbe));
  const available = new Set(files.flatMap(tracepointsOf));
  const { attached } = planProbes({ files, available, copyingRelays: false, raw: true });
  const raw = attached.filter((probe) => probe.startsWith('rawtracepoint:'));
  assert.equal(raw, [
    'rawtracepoint:net_dev_queue',
    'rawtracepoint:netif_receive_skb',
    'rawtracepoint:kfree_skb',
    'rawtracepoint:inet_sock_set_state',
    'rawtracepoint:tcp_send_reset',
    'rawtracepoint:tcp_retransmit_skb',
  ]);
  assert.ok(attached.includes('tracepoint:syscalls:sys_enter_splice'));
  assert.ok(attached.includes('tracepoint:sched:sched_process_fork'));
});

test('each argument is read where its field was, and nothing else changes', async () => {
  for (const name of [
    'hops-in.bt',
    'hops-out.bt',
    'drops.bt',
    'tcp-states.bt',
    'tcp-resets.bt',
    'tcp-retransmits.bt',
  ]) {
    const file = await readProbe(name);
    const { text } = useRaw(file);
    assert.not.match(text, /args->|^tracepoint:/m, name);
    const [before, after] = [file.text, text].map((one) => one.split('\n'));
    const changed = before?.filter((line, at) => line !== after?.[at]) ?? [];
    assert.is(before?.length, after?.length, name);
    for (const line of changed) assert.match(line, /args->|^tracepoint:/, name);
  }
  const { text } = useRaw(await readProbe('drops.bt'));
  assert.match(text, /\(uint64\)arg2, ksym\(\(uint64\)arg1\)/);
  const states = useRaw(await readProbe('tcp-states.bt')).text;
  assert.match(
    states,
    /^rawtracepoint:inet_sock_set_state\n\/\(\(struct sock \*\)arg0\)->sk_protocol == 6\/$/m,
  );
});

test('a field without a known argument is told when the program is made', () => {
  const file = { name: 'x.bt', text: 'tracepoint:net:net_dev_queue\n{\n  $a = args->len;\n}\n' };
  assert.throws(() => useRaw(file), /x\.bt: no raw argument for len/);
});

test('a tracepoint that is not known as a raw one stays as it is', () => {
  const text = 'tracepoint:tcp:tcp_probe\n{\n  $a = args->sport;\n}\n';
  assert.is(useRaw({ name: 'x.bt', text }).text, text);
  assert.is(toRawProbe('tcp:tcp_probe'), 'tracepoint:tcp:tcp_probe');
});

test('bpftrace before 0.23 does not know them, and from 0.27 on it takes a list of functions', () => {
  const support = (version: string) => rawSupportOf(`bpftrace v${version}\n`);
  assert.equal(support('0.17.0'), { raw: false, list: false });
  assert.equal(support('0.22.1'), { raw: false, list: false });
  assert.equal(support('0.23.2'), { raw: true, list: false });
  assert.equal(support('0.27.1'), { raw: true, list: true });
  assert.equal(support('1.0.0'), { raw: true, list: true });
  assert.equal(rawSupportOf(''), { raw: false, list: false });
  assert.ok(RAW_FUNCTIONS.includes('__traceiter_kfree_skb'));
});

test('a refusal of a raw tracepoint is told as such, also where bpftrace only shows the program', () => {
  const excerpt = [
    "stdin:1:1-32: ERROR: Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'.",
    'rawtracepoint:netif_receive_skb { @a = count(); }',
    '~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~',
  ].join('\n');
  assert.is(explainFailure(excerpt, 'exited with code 1').code, 'no-raw-tracepoints');
  const other = excerpt.replace('rawtracepoint:', 'tracepoint:net:');
  assert.is(explainFailure(other, 'exited with code 1').code, 'bpftrace-failed');
});

test.run();
