/** Tracepoints and drop reasons as tracefs lists them, on kernels with and without reasons. */
import { execa } from 'execa';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { FORMATS_SCRIPT, parseFormats } from '../../src/capture/bpftrace/formats.js';
import { suite } from '../support/suite.js';

const test = suite('formats');

const COMMON = [
  'name: kfree_skb',
  'ID: 2310',
  'format:',
  '\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;',
  '\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;',
  '\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;',
  '\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;',
  '',
  '\tfield:void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;',
  '\tfield:void * location;\toffset:16;\tsize:8;\tsigned:0;',
];

/** Excerpt of 6.18: a socket since 6.11, subsystem reasons left out by the kernel itself. */
const NEW = [
  ...COMMON,
  '\tfield:void * rx_sk;\toffset:24;\tsize:8;\tsigned:0;',
  '\tfield:unsigned short protocol;\toffset:32;\tsize:2;\tsigned:0;',
  '\tfield:enum skb_drop_reason reason;\toffset:36;\tsize:4;\tsigned:0;',
  '',
  'print fmt: "skbaddr=%p rx_sk=%p protocol=%u location=%pS reason: %s", REC->skbaddr, REC->rx_sk, REC->protocol, REC->location, __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }, { 12, "NETFILTER_DROP" }, { 13, "OTHERHOST" }, { 128, "MAX" })',
];

/** The style of 6.1: other numbers, no socket. */
const OLD = [
  ...COMMON,
  '\tfield:unsigned short protocol;\toffset:24;\tsize:2;\tsigned:0;',
  '\tfield:enum skb_drop_reason reason;\toffset:28;\tsize:4;\tsigned:0;',
  '',
  'print fmt: "skbaddr=%p protocol=%u location=%p reason: %s", REC->skbaddr, REC->protocol, REC->location, __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }, { 8, "NETFILTER_DROP" }, { 9, "OTHERHOST" })',
];

/** 5.10 knows no reason. */
const WITHOUT = [
  ...COMMON,
  '\tfield:unsigned short protocol;\toffset:24;\tsize:2;\tsigned:0;',
  '',
  'print fmt: "skbaddr=%p protocol=%u location=%p", REC->skbaddr, REC->protocol, REC->location',
];

const LIST = ['net/net_dev_queue', 'net/netif_receive_skb', 'skb/kfree_skb'];

function parse(format: readonly string[], list: readonly string[] = LIST) {
  return parseFormats([...list, '', ...format, ''].join('\n'));
}

test('names the reasons of each kernel by its own numbers', () => {
  assert.equal(parse(NEW).dropReasons.get(12), 'NETFILTER_DROP');
  assert.equal(parse(NEW).dropReasons.get(128), 'MAX');
  assert.equal(parse(NEW).dropReasons.size, 5);
  assert.equal(parse(OLD).dropReasons.get(8), 'NETFILTER_DROP');
  assert.is(parse(OLD).dropReasons.get(12), undefined);
});

test('takes the long spelling and hexadecimal numbers too', () => {
  const format = NEW.map((line) =>
    line.replace('{ 3, "NO_SOCKET" }', '{ 0x3, "SKB_DROP_REASON_NO_SOCKET" }'),
  );
  assert.is(parse(format).dropReasons.get(3), 'NO_SOCKET');
});

test('lists the tracepoints', () => {
  assert.equal(
    [...parse(NEW).tracepoints],
    ['net:net_dev_queue', 'net:netif_receive_skb', 'skb:kfree_skb'],
  );
});

test('counts kfree_skb as absent where it gives no reason', () => {
  assert.not.ok(parse(WITHOUT).tracepoints.has('skb:kfree_skb'));
  assert.ok(parse(WITHOUT).tracepoints.has('net:net_dev_queue'));
  assert.is(parse(WITHOUT).dropReasons.size, 0);
});

test('reads the absence of everything', () => {
  for (const text of ['', '\n', '\n\n', 'net/*', 'net/* \n\n']) {
    const { tracepoints, dropReasons } = parseFormats(text);
    assert.is(tracepoints.size + dropReasons.size, 0, JSON.stringify(text));
  }
});

test('the shell script prints what the parser reads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'formats-'));
  try {
    for (const point of ['net/net_dev_queue', 'skb/kfree_skb', 'net/enable']) {
      await mkdir(join(folder, 'events', point), { recursive: true });
      if (point !== 'net/enable') {
        await writeFile(join(folder, 'events', point, 'format'), NEW.join('\n'));
      }
    }
    const { stdout } = await execa('sh', ['-c', FORMATS_SCRIPT, 'sh', folder]);
    const { tracepoints, dropReasons, listed } = parseFormats(stdout);
    assert.equal([...tracepoints], ['net:net_dev_queue', 'skb:kfree_skb']);
    assert.is(listed, false);
    assert.is(dropReasons.get(13), 'OTHERHOST');
    await writeFile(join(folder, 'available_filter_functions'), 'ip_rcv\n');
    const again = await execa('sh', ['-c', FORMATS_SCRIPT, 'sh', folder]);
    assert.is(parseFormats(again.stdout).listed, true);
    assert.equal([...parseFormats(again.stdout).tracepoints], [...tracepoints]);
    const absent = await execa('sh', ['-c', FORMATS_SCRIPT, 'sh', join(folder, 'no')], {
      reject: false,
    });
    assert.is(absent.exitCode, 1);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
