// The kernel matrix's own parts: the order of modules, and the table that runs write.

import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { listModules } from './image.js';
import type { Judged, ProfileResult } from './scenarios.js';
import { renderTable, type Row } from './table.js';

const test = suite('kernels');

test('modules come behind those that they need, each once', () => {
  const dependencies = [
    'kernel/virtio_blk.ko.xz: kernel/virtio_ring.ko.xz kernel/virtio.ko.xz',
    'kernel/virtio_pci.ko.xz: kernel/virtio_pci_legacy_dev.ko.xz kernel/virtio_ring.ko.xz kernel/virtio.ko.xz',
    'kernel/virtio_ring.ko.xz: kernel/virtio.ko.xz',
    'kernel/virtio_pci_legacy_dev.ko.xz:',
    'kernel/virtio.ko.xz:',
    'kernel/other.ko.xz: kernel/virtio.ko.xz',
  ].join('\n');
  assert.equal(listModules(dependencies, ['virtio_pci', 'virtio_blk', 'builtin']), [
    'kernel/virtio.ko.xz',
    'kernel/virtio_ring.ko.xz',
    'kernel/virtio_pci_legacy_dev.ko.xz',
    'kernel/virtio_pci.ko.xz',
    'kernel/virtio_blk.ko.xz',
  ]);
});

function row(machine: string, verdicts: readonly Judged['verdict'][]): Row {
  const judged = verdicts.map((verdict) => ({ scenario: 's', verdict, told: '', faults: [] }));
  const profile: ProfileResult = { profile: 'tracepoint', judged, coverage: null, failure: null };
  const failed: ProfileResult = { ...profile, profile: 'kprobe', judged: [], failure: 'refused' };
  return {
    machine,
    examined: {
      kernel: '6.1',
      bpftrace: '0.17',
      docker: '20',
      doctor: '',
      profiles: [profile, failed],
    },
  };
}

const rowsOf = (text: string): string[] =>
  text.split('\n').filter((line) => /^\| (?!machine|-)/.test(line));

test('the table counts verdicts, and says where there was no trace', () => {
  const [good = '', failed = ''] = rowsOf(renderTable([row('a', ['right', 'right', 'wrong'])], ''));
  assert.match(good, /^\| a +\| 6\.1 +\| 0\.17 +\| 20 +\| tracepoint +\| 2 of 3 +\| 0 +\| 1 +\|$/);
  assert.match(failed, /kprobe: no trace +\| – +\| – +\| – +\|$/);
});

test('rows of machines that did not run stay as they are', () => {
  const first = renderTable([row('a', ['right']), row('b', ['wrong'])], '');
  const second = renderTable([row('b', ['right'])], first);
  assert.is(rowsOf(second).length, 4);
  assert.equal(rowsOf(second).slice(0, 2), rowsOf(first).slice(0, 2));
  assert.match(rowsOf(second)[2] ?? '', /1 of 1/);
  assert.is(renderTable([], second), second);
});

test.run();
