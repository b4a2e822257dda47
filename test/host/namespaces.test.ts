/** Finding namespaces by process and by file, and what `--netns` may say. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { UserError } from '../../src/model/errors.js';
import {
  closeNamespaces,
  findNamespaces,
  openNamespaces,
  resolveNamespace,
} from '../../src/host/namespaces.js';
import { listProcesses } from '../../src/host/procfs.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc } from './fake-proc.js';

const test = suite('namespaces');

let proc = '';
let folder = '';
test.before.each(() => {
  proc = makeFakeProc([
    { pid: 'self', namespace: 100 },
    { pid: 1, namespace: 100 },
    { pid: 20, namespace: 300 },
    { pid: 3, namespace: 100 },
    { pid: 21, namespace: 300 },
  ]);
  folder = mkdtempSync(join(tmpdir(), 'netns-'));
  // A real one would be a mount; a link to a namespace is as good to look at.
  symlinkSync('net:[300]', join(folder, 'red'));
  symlinkSync('net:[400]', join(folder, 'blue'));
  writeFileSync(join(folder, 'stale'), '');
});
test.after.each(() => {
  removeFakeProc(proc);
  rmSync(folder, { recursive: true });
});

function find(folders: string[]): string[] {
  const found = findNamespaces(proc, listProcesses(proc), folders);
  return [...found.values()].map(({ inode, pid, name }) => [inode, pid, name].join(' '));
}

test('one process for each namespace, the lowest pid, and the names', () => {
  assert.equal(find([folder]), ['100 1 ', '300 20 red', '400  blue']);
});

test('names in other folders mean nothing', () => {
  assert.equal(find(['/nowhere', '/nowhere', folder]), ['100 1 ', '300 20 ', '400  ']);
});

const SPELLINGS: [string, number][] = [
  ['self', 100],
  ['red', 300],
  ['blue', 400],
  ['pid:20', 300],
];
for (const [text, inode] of SPELLINGS) {
  test(`--netns ${text}`, () => {
    assert.is(resolveNamespace(text, proc, [folder]).inode, inode);
  });
}

test('--netns with a path', () => {
  assert.is(resolveNamespace(`${proc}/21/ns/net`, proc, [folder]).inode, 300);
  const own = resolveNamespace('/proc/self/ns/net').inode;
  assert.ok(own > 4026530000, String(own));
});

for (const text of ['green', 'pid:99', '/nowhere', '/etc/passwd', '/proc/self/ns/mnt', '..']) {
  test(`--netns ${text} is refused`, () => {
    try {
      resolveNamespace(text, '/proc', [folder]);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, UserError);
      const { code, exit, message, remedy } = error as UserError;
      assert.equal([code, exit], ['no-such-netns', 2]);
      assert.ok(message.includes(`"${text}"`));
      assert.match(remedy ?? '', /blue, red, stale/);
    }
  });
}

test('opens what is there and leaves out what is gone', () => {
  const files = ['/proc/self/ns/net', '/proc/self/ns/nothing'].map((path, inode) => ({
    path,
    inode,
    pid: null,
    name: null,
  }));
  const open = openNamespaces(files);
  assert.equal(
    open.map(({ handle, fd }) => handle === `/proc/${process.pid}/fd/${fd}`),
    [true],
  );
  closeNamespaces(open);
});

test.run();
