/** The messages with which several versions of bpftrace give up, and the errors that become of them. */
import * as assert from 'uvu/assert';
import type { ChildExit } from '../../src/capture/bpftrace/child.js';
import {
  explainAbsence,
  explainExit,
  explainFailure,
  meaningfulLines,
} from '../../src/capture/bpftrace/failure.js';
import { suite } from '../support/suite.js';

const test = suite('failure');

const MEMLOCK =
  'ERROR: Unknown error -1: couldn\'t set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, you can try "ulimit -l 8192" to fix the problem';
const CONFINED = [
  'Creation of the required BPF maps has failed.',
  'Make sure you have all the required permissions and are not confined (e.g. like',
  'snapcraft does). `dmesg` will likely have useful output for further troubleshooting',
];

/** What was said, and the code that it must lead to. The source is a run on the test host unless one is named. */
const SAID: [code: string, lines: string[]][] = [
  ['not-root', ['ERROR: bpftrace currently only supports running as the root user.']],
  [
    // 0.13 on a machine with Secure Boot
    'lockdown',
    [
      "Kernel lockdown is enabled and set to 'confidentiality'. Lockdown mode blocks",
      'parts of BPF which makes it impossible for bpftrace to function. Please see',
      'https://github.com/iovisor/bpftrace/blob/master/INSTALL.md#disable-lockdown',
    ],
  ],
  [
    // bpftrace PR 1152
    'lockdown',
    [
      'The system appears to be in lockdown mode (kprobes and probe_reads are blocked).',
      'Lockdown mode blocks parts of BPF which makes it impossible for bpftrace to function.',
    ],
  ],
  [
    'no-conntrack',
    [
      "stdin:1:9-31: ERROR: Unknown struct/union: 'struct nf_conn'",
      'BEGIN { $a=(struct nf_conn *)0; printf("%d", $a->status); }',
      '        ~~~~~~~~~~~~~~~~~~~~~~',
    ],
  ],
  [
    // the wording of bpftrace issues 2877 and 4133
    'no-conntrack',
    ['/tmp/b:3:12-34: ERROR: Cannot resolve unknown type "struct nf_conn"'],
  ],
  [
    'unknown-field',
    [
      "stdin:88:16-26: ERROR: Struct/union of type 'struct nf_conn' does not contain a field named 'status'",
      '          $ct = (struct nf_conn *)$nfct;',
      '               ~~~~~~~~~~',
    ],
  ],
  [
    'no-btf',
    ['execsnoop.bt:26:10-33: ERROR: Cannot resolve unknown type "struct task_struct"'], // issue 2877
  ],
  ['no-btf', ["path.bt:6:28-49: ERROR: Unknown struct/union: 'struct sk_buff'"]], // issue 2235
  [
    'no-btf', // issue 2094
    [
      'ERROR: Include headers with missing type definitions or install BTF information to your system.',
    ],
  ],
  ['no-tracepoints', ['stdin:1:1-22: ERROR: tracepoint not found: skb:kfree_skb']],
  [
    'no-tracefs',
    [
      'ERROR: Could not read symbols from /sys/kernel/tracing/available_events: No such file or directory',
    ],
  ],
  ['no-permission', ["ERROR: failed to create map: '@seen': Operation not permitted", ...CONFINED]],
  ['no-permission', ['ERROR: failed to create  map: Operation not permitted', ...CONFINED]],
  ['no-permission', ['ERROR: failed to create printf map: Permission denied', ...CONFINED]], // issue 1859
  ['no-permission', ['Error creating printf map: Operation not permitted', ...CONFINED]], // issue 853
  [
    'no-permission', // issue 293
    ['perf_event_open: Permission denied', 'Failed to open perf buffer'],
  ],
  ['no-memory', ["ERROR: failed to create map: '@seen': Cannot allocate memory", ...CONFINED]],
  ['no-memory', ["ERROR: failed to create map: '@seen': Argument list too long", ...CONFINED]],
  ['verifier', ['ERROR: Error loading program: tracepoint:net:net_dev_queue (try -v)']],
  [
    'verifier',
    [
      'ERROR: Error loading BPF program for tracepoint_net_net_dev_queue_1.',
      'Kernel error log:',
      "R1 invalid mem access 'scalar'",
      'processed 12 insns (limit 1000000)',
    ],
  ],
  ['bpftrace-failed', ['stdin:1:9-21: ERROR: syntax error, unexpected end of file']],
  ['bpftrace-failed', ['mmap: Invalid argument', 'ERROR: Failed to open perf buffer']],
  ['bpftrace-failed', ['Segmentation fault']],
  ['bpftrace-failed', []],
];

const WARNED = [
  MEMLOCK,
  'stdin:467:71-72: WARNING: Addrspace mismatch',
  '    $file = (struct file *)*(uint64 *)((uint64)$task->files->fdt->fd + 8 * (uint64)$fd);',
  '                                                                      ~',
  '          $ct = (struct nf_conn *)$nfct;',
  '                ~~~~~~~~~~~~~~~~~',
  'WARNING: Addrspace is not set',
];

test('every known failure, also behind the usual warnings', () => {
  for (const [code, lines] of SAID) {
    for (const before of [[], WARNED]) {
      const error = explainFailure([...before, ...lines, ''].join('\n'), 'exited with code 1');
      assert.is(error.code, code, lines[0]);
      assert.is(error.exit, 1);
      assert.ok(error.remedy, code);
      if (lines[0] !== undefined) assert.ok(error.message.includes(lines[0]), error.message);
      assert.not.match(error.message, /MEMLOCK|WARNING|~~/);
    }
  }
});

test('names the field, the tracepoint', () => {
  const messageOf = (text: string): string => explainFailure(text, 'x').message;
  assert.match(messageOf("does not contain a field named '_nfct'"), /no field "_nfct"/);
  assert.match(messageOf('ERROR: tracepoint not found: net:x'), /tracepoint:net:x/);
});

test('says how it ended when it said nothing', () => {
  const error = explainFailure(`${MEMLOCK}\n`, 'was killed by SIGKILL');
  assert.is(
    error.message,
    'bpftrace was killed by SIGKILL before its probes were live and said nothing',
  );
});

test('keeps what matters of a long complaint', () => {
  assert.equal(meaningfulLines(WARNED.join('\n')), []);
  const many = Array.from({ length: 99 }, (_, at) => `ERROR: ${at}`);
  assert.equal(meaningfulLines(many.join('\n')), many.slice(0, 6));
  assert.is(explainFailure(many.join('\n'), 'x').message.split('\n').length, 7);
});

test('what bpftrace 0.27 says after the whole program: nothing to write to', () => {
  const program = Array.from({ length: 1283 }, (_, at) => `  @counter[${at}] = count();`);
  const said = (...lines: readonly string[]): string =>
    ['1 error generated.', '1 error generated.', ...lines].join('\n');
  const hint = "HINT: error: unable to open output file '/dev/fd/3': 'No such file or directory'";
  const lead = 'stdin:1-1283: ERROR: failed to build';
  const noFd = explainFailure(said(lead, ...program, '', hint), 'exited with code 1');
  assert.is(noFd.code, 'no-dev-fd');
  assert.ok(noFd.message.includes(hint), noFd.message);
  assert.match(noFd.remedy ?? '', 'ln -s /proc/self/fd /dev/fd');
  const other = explainFailure(said(lead, ...program, 'HINT: try another'), 'exited with code 1');
  assert.is(other.code, 'bpftrace-failed');
  assert.equal(other.message.split('\n').slice(1, 4), [
    `  | ${lead}`,
    '  | HINT: try another',
    '  | 1 error generated.',
  ]);
  const full = 'unable to create /tmp/bpftrace.XXXXXX (Read-only file system)';
  const noFolder = explainFailure(full, 'exited with code 1');
  assert.is(noFolder.code, 'no-temporary-folder');
  assert.match(noFolder.message, /^bpftrace can write no file in \/tmp: Read-only file system\n/);
});

test('a program that is not there, or cannot be run', () => {
  const exit = (stderr: string, absent = false): ChildExit => ({
    error: null,
    exitCode: absent ? null : 127,
    signal: null,
    how: 'exited with code 127',
    stderr,
    absent,
  });
  const missing = explainExit(
    exit('setpriv: failed to execute /opt/my tools/bpftrace: No such file or directory\n'),
  );
  assert.equal([missing.code, missing.exit], ['no-bpftrace', 1]);
  assert.is(missing.message, '/opt/my tools/bpftrace is not installed');
  assert.match(missing.remedy ?? '', /apt-get install bpftrace/);
  const refused = explainExit(exit('setpriv: failed to execute /x: Permission denied\n'));
  assert.is(refused.message, '/x cannot be run: Permission denied');
  assert.is(explainExit(exit('', true)).code, 'no-unshare');
  assert.match(explainAbsence('unshare').remedy ?? '', /util-linux/);
  const setpriv = explainExit(
    exit('unshare: failed to execute setpriv: No such file or directory\n'),
  );
  assert.is(setpriv.code, 'no-setpriv');
});

test.run();
