/** Which probe files a kernel can carry. */
import * as assert from 'uvu/assert';
import { useFentry, wordFor } from '../../src/capture/bpftrace/fentry.js';
import { planProbes, PROBE_FILES } from '../../src/capture/bpftrace/plan.js';
import { suite } from '../support/suite.js';

const test = suite('plan');

const POINTS: Record<string, string[]> = {
  'hops-out.bt': ['net:net_dev_queue'],
  'hops-in.bt': ['net:netif_receive_skb'],
  'drops.bt': ['skb:kfree_skb'],
  'relay.bt': ['syscalls:sys_enter_splice', 'syscalls:sys_exit_splice'],
  'relay-copy.bt': ['syscalls:sys_enter_read', 'syscalls:sys_exit_read'],
};
const FILES = Object.entries(POINTS)
  .map(([name, points]) => ({
    name,
    text: points.map((point) => `tracepoint:${point}\n{\n}\n`).join('\n'),
  }))
  .reverse();
const ALL = new Set(Object.values(POINTS).flat());

function without(...points: string[]): Set<string> {
  return new Set([...ALL].filter((point) => !points.includes(point)));
}

function namesOf(files: readonly { name: string }[]): string[] {
  return files.map(({ name }) => name);
}

test('orders the files as the seal needs them: hops first, relays last', () => {
  const plan = planProbes({ files: FILES, available: ALL, copyingRelays: true });
  const order = ['hops-out.bt', 'hops-in.bt', 'drops.bt', 'relay-copy.bt', 'relay.bt'];
  assert.equal(namesOf(plan.files), order);
  assert.is(plan.attached[0], 'tracepoint:net:net_dev_queue');
  assert.is(plan.attached.length, ALL.size);
  assert.equal(plan.missing, []);
  assert.is(PROBE_FILES.at(-1), 'relay.bt');
});

test('watches reads and writes only where a relay copies, and does not miss them otherwise', () => {
  const available = without('syscalls:sys_exit_read');
  const plan = planProbes({ files: FILES, available, copyingRelays: false });
  assert.not.ok(namesOf(plan.files).includes('relay-copy.bt'));
  assert.equal(plan.missing, []);
});

test('leaves a file out when one of its tracepoints is missing, and says which', () => {
  const plan = planProbes({
    files: FILES,
    available: without('syscalls:sys_exit_splice', 'skb:kfree_skb'),
    copyingRelays: false,
  });
  assert.equal(namesOf(plan.files), ['hops-out.bt', 'hops-in.bt']);
  assert.equal(plan.missing, ['tracepoint:skb:kfree_skb', 'tracepoint:syscalls:sys_exit_splice']);
  assert.equal(plan.attached, ['tracepoint:net:net_dev_queue', 'tracepoint:net:netif_receive_skb']);
});

const NAT = {
  name: 'nat-hooks.bt',
  text: 'kprobe:nf_nat_inet_fn\n{\n  a();\n}\n\nkprobe:nf_nat_manip_pkt,\nkprobe:nf_nat_packet\n{\n  b();\n}\n',
};

test('functions are probed where the kernel has kprobes, and those that it lacks are left out and told', () => {
  const files = [...FILES, NAT];
  const input = { files, available: ALL, copyingRelays: false };
  const shallow = planProbes(input);
  assert.is(shallow.profile, 'tracepoint');
  assert.not.ok(namesOf(shallow.files).includes(NAT.name));
  assert.equal(shallow.missing, []);

  const deep = planProbes({ ...input, functions: new Set(['nf_nat_packet']) });
  assert.is(deep.profile, 'kprobe');
  assert.equal(deep.missing, ['kprobe:nf_nat_inet_fn', 'kprobe:nf_nat_manip_pkt']);
  assert.ok(deep.attached.includes('kprobe:nf_nat_packet'));
  const file = deep.files.find(({ name }) => name === NAT.name);
  assert.is(file?.text.trim(), 'kprobe:nf_nat_packet\n{\n  b();\n}');
  assert.is(namesOf(deep.files).at(-1), 'relay.bt');
});

test('fentry takes the place of kprobes: a block for each function, with its arguments by name', () => {
  const body = '{\n  $skb = arg0; // fentry: skb\n  printf("%s\\n", func);\n}\n';
  const files = [...FILES, { name: NAT.name, text: `kprobe:ip_rcv,\nkprobe:ip_forward\n${body}` }];
  const functions = new Set(['ip_rcv', 'ip_forward']);
  const input = { files, available: ALL, functions, copyingRelays: false };
  const plan = planProbes({ ...input, fentry: 'kfunc' });
  assert.is(plan.profile, 'fentry');
  assert.ok(plan.attached.includes('fentry:ip_forward'));
  const text = plan.files.find(({ name }) => name === NAT.name)?.text ?? '';
  const one = (name: string): string =>
    `kfunc:${name}\n{\n  $skb = args->skb; // fentry: skb\n  printf("%s\\n", "${name}");\n}\n`;
  assert.is(text, `${one('ip_rcv')}\n${one('ip_forward')}`);
});

test('the word for fentry is the one that bpftrace knows', () => {
  assert.is(wordFor('bpftrace v0.17.0\n'), 'kfunc');
  assert.is(wordFor('bpftrace v0.20.0\n'), 'fentry');
  assert.is(wordFor('bpftrace v1.0.0\n'), 'fentry');
  assert.is(wordFor(''), 'kfunc');
});

test('an argument without a name is told when the program is made', () => {
  const nameless = { name: 'x.bt', text: 'kprobe:ip_rcv\n{\n  $skb = arg0;\n}\n' };
  assert.throws(() => useFentry(nameless, 'fentry'), /x\.bt: an argument of ip_rcv has no name/);
});

test('a kernel with kprobes but none of the functions is traced by tracepoints', () => {
  const functions = new Set(['ip_rcv']);
  const plan = planProbes({
    files: [...FILES, NAT],
    available: ALL,
    functions,
    copyingRelays: false,
  });
  assert.is(plan.profile, 'tracepoint');
  assert.is(plan.missing.length, 3);
});

test('a kernel without tracepoints gets no program', () => {
  const plan = planProbes({ files: FILES, available: new Set(), copyingRelays: true });
  assert.equal(plan.files, []);
  assert.is(plan.missing.length, ALL.size);
});

test('calls that the kernel does not have are not missed, and io_uring is told by its requests where it can be', () => {
  const text = ['tee', 'io_uring_enter']
    .map((call) => `tracepoint:syscalls:sys_enter_${call}\n/@relay[pid] == 1/\n{\n}\n`)
    .concat('tracepoint:io_uring:io_uring_submit_req\n/@relay[pid] == 1/\n{\n}\n');
  const files = [...FILES, { name: 'relay-aside.bt', text: text.join('\n') }];
  const attached = (...more: string[]): readonly string[] => {
    const available = new Set([...ALL, ...more]);
    const plan = planProbes({ files, available, copyingRelays: true });
    assert.equal(plan.missing, []);
    return plan.attached.filter((point) => /tee|io_uring/.test(point));
  };
  const tee = 'syscalls:sys_enter_tee';
  const enter = 'syscalls:sys_enter_io_uring_enter';
  assert.equal(attached(), []);
  assert.equal(attached(tee, enter), [`tracepoint:${tee}`, `tracepoint:${enter}`]);
  for (const request of ['io_uring:io_uring_submit_req', 'io_uring:io_uring_submit_sqe']) {
    assert.equal(attached(tee, enter, request), [`tracepoint:${tee}`, `tracepoint:${request}`]);
  }
});

test('witnesses are those whose probe files are all there', () => {
  const file = (name: string): { name: string; text: string } => ({
    name,
    text: 'tracepoint:syscalls:sys_enter_read\n{\n}\n',
  });
  const names = ['tcp-states.bt', 'relay.bt', 'relay-copy.bt', 'relay-aside.bt'];
  const witnesses = (copyingRelays: boolean, missing = ''): readonly string[] =>
    planProbes({
      files: names.filter((name) => name !== missing).map(file),
      available: ALL,
      copyingRelays,
    }).witnesses;
  assert.equal(witnesses(true), ['accepts', 'copies', 'asides']);
  assert.equal(witnesses(false), ['accepts']);
  assert.equal(witnesses(true, 'relay-aside.bt'), ['accepts', 'copies']);
  assert.equal(witnesses(true, 'relay.bt'), ['copies']);
  assert.equal(witnesses(true, 'tcp-states.bt'), ['copies', 'asides']);
});

test.run();
