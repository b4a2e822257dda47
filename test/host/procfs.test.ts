/** Names of programs, where a runtime names its threads. */
import * as assert from 'uvu/assert';
import { nameProgram, readCommandName } from '../../src/host/procfs.js';
import { suite } from '../support/suite.js';
import { makeFakeProc, removeFakeProc } from './fake-proc.js';

const test = suite('procfs');

function read(command: string, words: readonly string[]): string | null {
  const proc = makeFakeProc([{ pid: 7, namespace: 1, command, arguments: words }]);
  try {
    return readCommandName(proc, 7);
  } finally {
    removeFakeProc(proc);
  }
}

test('a program has the name that the kernel tells', () => {
  assert.is(read('docker-proxy', ['/usr/bin/docker-proxy', '-proto', 'tcp']), 'docker-proxy');
  assert.is(read('postgres', ['postgres: writer']), 'postgres');
});

test('a main thread that a runtime has named gives way to what was started', () => {
  assert.is(read('MainThread', ['/usr/local/bin/node', 'server.js']), 'node');
  assert.is(read('MainThread', ['node']), 'node');
});

test('without arguments the thread’s name stays', () => {
  assert.is(read('MainThread', []), 'MainThread');
  assert.is(read('MainThread', ['/']), 'MainThread');
});

test('of a process that has ended the name stays as it was told', () => {
  const proc = makeFakeProc([]);
  assert.is(nameProgram(proc, 8, 'MainThread'), 'MainThread');
  assert.is(readCommandName(proc, 8), null);
  removeFakeProc(proc);
});

test.run();
