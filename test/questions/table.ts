/** Writes docs/questions.md from what the commands printed. */

import type { Stage } from '../matrix/stage.js';
import type { Question } from './question.js';

export interface Asked {
  readonly question: Question;
  /** The first line, as printed. */
  readonly first: string;
  readonly fix: string | null;
  readonly stage: Stage;
}

const HEADING = '\n## ';

/** @param before the page as it was: what was not asked now stays as it stands there */
export function writeQuestions(
  questions: readonly Question[],
  asked: readonly Asked[],
  before: string,
): string {
  const sections = new Map(
    before
      .split(HEADING)
      .slice(1)
      .map((text) => [
        /^\d+\. (.*)$/m.exec(text)?.[1],
        text.split('\n').slice(1).join('\n').trim(),
      ]),
  );
  for (const one of asked) sections.set(one.question.asked, writeAnswer(one));
  const known = questions.filter((question) => sections.has(question.asked));
  return `${[
    '# Questions',
    '',
    'Each fault is set up with a real Docker Engine by a test, which asks as below and fails when a first line is wrong. It writes',
    'this page (`npm run questions`). The client runs while the trace runs.',
    '',
    '| | question | first line |',
    '|--:|---|---|',
    ...known.map((question, i) => {
      const first = /^\d+: .*$/m.exec(sections.get(question.asked) ?? '')?.[0] ?? '';
      return `| ${i + 1} | ${question.asked} | ${first.replaceAll('|', '\\|')} |`;
    }),
    ...known.flatMap((question, i) => [
      '',
      `## ${i + 1}. ${question.asked}`,
      '',
      sections.get(question.asked) ?? '',
    ]),
  ].join('\n')}\n`;
}

function writeAnswer({ question, first, fix, stage }: Asked): string {
  const { about, from, client, answer } = question;
  const command = client.map((word) => quote(stage.fill(word))).join(' ');
  const own = `trace-flow ${about.join(' ')}`;
  const lines =
    from === 'host'
      ? [`$ sudo ${own} -- ${command}`]
      : [`$ sudo ${own}      # meanwhile ${writePlace(from)}: ${command}`];
  const told = fix === null ? [] : [`fix: ${fix}`];
  return ['```', ...lines, first, ...told, '```', '', answer].join('\n');
}

function writePlace(from: string): string {
  return from === 'client' ? 'on another machine' : `in the container ${from}`;
}

function quote(word: string): string {
  return /^[\w.:/@=-]+$/.test(word) ? word : `'${word}'`;
}
