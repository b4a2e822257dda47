/** Questions as people ask them: the first line of the answer is right in all. With UPDATE_GOLDEN=1 it writes docs/questions.md. */

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { up, type Lab } from '../../src/lab/index.js';
import type { Stage } from '../matrix/stage.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { QUESTIONS } from './catalogue.js';
import type { Question } from './question.js';
import { furnish } from './stage.js';
import { writeQuestions, type Asked } from './table.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const TABLE = fileURLToPath(new URL('../../../docs/questions.md', import.meta.url));

const test = suite('questions');
test.skipUnless(findLiveObstacle('socat'));

let lab: Lab;
let stage: Stage;
const asked: Asked[] = [];
/** `TRACE_FLOW_QUESTIONS=3-8` asks some of them. */
const [from = 1, last = QUESTIONS.length] =
  process.env['TRACE_FLOW_QUESTIONS']?.split('-').map(Number) ?? [];

test.before(async () => {
  lab = await up();
  stage = await furnish(lab);
});

test.after(async () => {
  await lab.down();
  if (process.env['UPDATE_GOLDEN'] !== '1') return;
  const before = await readFile(TABLE, 'utf8').catch(() => '');
  await writeFile(TABLE, writeQuestions(QUESTIONS, asked, before));
});

/** Asks by the command line, as a person does. @returns the first line, and what it advises */
async function ask({
  about,
  from,
  client,
  breakIt,
}: Question): Promise<Pick<Asked, 'first' | 'fix'>> {
  const mend = await breakIt?.(stage);
  try {
    const command = client.map((word) => stage.fill(word));
    const entered = lab.commandIn(stage.where(from), command);
    const args = [RUN, ...about, '--netns', lab.host.netns, '--', ...entered];
    const { stdout, stderr } = await execa(process.execPath, args, {
      reject: false,
      env: { DOCKER_HOST: lab.dockerHost, NO_COLOR: '1' },
    });
    assert.ok(stdout.length > 0, stderr);
    // The client prints before it, and the terminal breaks the line where it is full.
    const start = stdout.indexOf(`${about.join(' ')}: `);
    const [head = ''] = stdout.slice(start).split('\n\n');
    const [first = '', fix = null] = head
      .split(/\nfix: /)
      .map((part) => part.replace(/\s*\n\s*/g, ' '));
    return { first, fix };
  } finally {
    await mend?.();
  }
}

for (const question of QUESTIONS.slice(from - 1, last)) {
  test(question.asked, async () => {
    const { first, fix } = await ask(question);
    process.stderr.write(`== ${question.asked}\n${first}\n   fix: ${fix}\n`);
    for (const pattern of question.says) {
      assert.match(first, new RegExp(stage.fill(pattern.source)), question.asked);
    }
    if (question.never) assert.not.match(first, question.never);
    if (question.advises) assert.match(fix ?? '', question.advises);
    if (question.remedied) {
      await question.remedied(stage);
      const again = await ask(question);
      assert.match(again.first, /answered/, question.asked);
    }
    asked.push({ question, first, fix, stage });
  });
}

test.run();
