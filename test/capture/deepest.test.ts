/** Kprobes that the kernel refuses do not end a trace that tracepoints can take. */
import * as assert from 'uvu/assert';
import { attachDeepest } from '../../src/capture/bpftrace/deepest.js';
import type { ProbePlan } from '../../src/capture/bpftrace/plan.js';
import { UserError } from '../../src/model/errors.js';
import { suite } from '../support/suite.js';

const test = suite('deepest probes');

const SHALLOW: ProbePlan = {
  files: [],
  missing: [],
  profile: 'tracepoint',
  witnesses: [],
  attached: ['tracepoint:net:net_dev_queue'],
};
const DEEP: ProbePlan = {
  files: [],
  missing: ['kprobe:nf_nat_packet'],
  profile: 'kprobe',
  witnesses: [],
  attached: [...SHALLOW.attached, 'kprobe:nf_nat_manip_pkt'],
};

interface Attached {
  readonly plan: ProbePlan;
  readonly notes: readonly string[];
}

const refuse = (code: string) => async (plan: ProbePlan, notes: readonly string[]) => {
  if (plan.profile !== 'tracepoint') {
    throw new UserError('the kernel refused a probe program\n  | R1 invalid', { code, exit: 1 });
  }
  return Promise.resolve<Attached>({ plan, notes });
};

test('what can be attached is taken as it is', async () => {
  const take = async (plan: ProbePlan, notes: readonly string[]): Promise<Attached> =>
    Promise.resolve({ plan, notes });
  assert.equal(await attachDeepest([DEEP, SHALLOW], take), { plan: DEEP, notes: [] });
});

test('refused kprobes are told, and tracepoints used', async () => {
  const { plan, notes } = await attachDeepest([DEEP, SHALLOW], refuse('verifier'));
  assert.is(plan.profile, 'tracepoint');
  assert.equal(plan.missing, ['kprobe:nf_nat_packet', 'kprobe:nf_nat_manip_pkt']);
  assert.equal(notes, [
    'kprobes could not be attached, so tracepoints were used alone: the kernel refused a probe program',
  ]);
});

test('refused fentry probes are kprobes, and nothing is missing', async () => {
  const fentry: ProbePlan = {
    ...DEEP,
    profile: 'fentry',
    attached: [...SHALLOW.attached, 'fentry:nf_nat_manip_pkt'],
  };
  const take = async (plan: ProbePlan, notes: readonly string[]): Promise<Attached> => {
    if (plan === fentry) throw new UserError('no trampolines here', { code: 'verifier', exit: 1 });
    return Promise.resolve({ plan, notes });
  };
  assert.equal(await attachDeepest([fentry, DEEP, SHALLOW], take), { plan: DEEP, notes: [] });
  const { plan, notes } = await attachDeepest([fentry, DEEP, SHALLOW], refuse('verifier'));
  assert.is(plan.profile, 'tracepoint');
  assert.equal(plan.missing, ['kprobe:nf_nat_packet', 'kprobe:nf_nat_manip_pkt']);
  assert.is(notes.length, 1);
});

test('nothing else is tried where kprobes were asked for, or where the probes did not report', async () => {
  const codeOf = async (attempt: Promise<Attached>): Promise<string> =>
    attempt.then(
      () => 'none',
      (error: unknown) => (error as UserError).code,
    );
  assert.is(await codeOf(attachDeepest([DEEP], refuse('verifier'))), 'verifier');
  assert.is(await codeOf(attachDeepest([DEEP, SHALLOW], refuse('not-ready'))), 'not-ready');
  // All of them are tried again without raw tracepoints then.
  assert.is(
    await codeOf(attachDeepest([DEEP, SHALLOW], refuse('no-raw-tracepoints'))),
    'no-raw-tracepoints',
  );
});

test.run();
