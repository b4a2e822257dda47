/** The table that --trace-rules adds to a host does not count as one of the host's rules. */
import * as assert from 'uvu/assert';
import type { RunResult } from '../../src/host/command.js';
import { readRules } from '../../src/host/rules.js';
import { suite } from '../support/suite.js';

const test = suite('own table');

const LISTING = JSON.stringify({
  nftables: ['trace-flow-7', 'mine'].map((name, index) => ({
    table: { family: 'inet', name, handle: index + 1 },
  })),
});

test('a table of another trace is left out, others stay', async () => {
  const run = async (program: string): Promise<RunResult> => {
    const stdout = program === 'nft' ? LISTING : '';
    const ok = program === 'nft';
    const failure = ok ? null : 'missing';
    return Promise.resolve({ ok, stdout, stderr: '', failure, message: '' });
  };
  const { rules } = await readRules({ run, path: null, hasNft: true });
  assert.equal(
    rules.tables.map(({ name }) => name),
    ['mine'],
  );
});

test.run();
