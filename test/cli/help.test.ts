/** The help: it is wrapped once, and its examples can be pasted. */
import { Parser, type Command } from '@oclif/core';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { COMMANDS, routeArguments } from '../../src/cli/route.js';
import { suite } from '../support/suite.js';

const test = suite('help');

/** As it is written for terminals of 80 columns when the project is built. */
const HELP = JSON.parse(readFileSync(new URL('../../src/help.json', import.meta.url), 'utf8')) as {
  readonly texts: Readonly<Record<string, string>>;
};

async function loadCommand(name: string): Promise<Command.Class> {
  const { default: command } = (await import(`../../src/commands/${name}.js`)) as {
    default: Command.Class;
  };
  return command;
}

/** Lines of an example, as they are to be pasted: the program and its words, without what stands before or behind it. */
function listCalls({ examples = [] }: Command.Class): string[][] {
  return examples.flatMap((example) => {
    const text = typeof example === 'string' ? example : example.command;
    return text
      .replaceAll('<%= config.bin %>', 'trace-flow')
      .split(/[\n|]/)
      .map((line) => line.trim().split(/ +/))
      .flatMap((words) => {
        const at = words.indexOf('trace-flow');
        return at < 0 ? [] : [words.slice(at + 1)];
      });
  });
}

for (const name of COMMANDS) {
  test(`${name}: the description is paragraphs, which the help alone wraps`, async () => {
    const { description = '' } = await loadCommand(name);
    assert.not.match(description, /[^\n]\n[^\n]/);
    const lines = HELP.texts[name]?.split('\n') ?? [];
    for (const line of lines) assert.ok(line.length <= 80, line);
    const from = lines.indexOf('DESCRIPTION');
    assert.ok(from >= 0, 'it has a description');
    // A line that could have taken the first word of the next one was broken by hand.
    const told = lines.slice(from + 1, lines.indexOf('EXAMPLES'));
    for (const [at, line] of told.entries()) {
      const [next] = told[at + 1]?.trim().split(' ') ?? [];
      if (line.trim() === '' || !next) continue;
      assert.ok(line.length + 1 + next.length > 76, `broken too early: ${line}`);
    }
  });

  test(`${name}: each example is a call of it that can be read`, async () => {
    const command = await loadCommand(name);
    const calls = listCalls(command);
    assert.ok(calls.length > 0, 'it has examples');
    for (const words of calls) {
      const [first, ...rest] = routeArguments(words);
      assert.is(first, name, words.join(' '));
      const end = rest.indexOf('--');
      const { flags, args, strict } = command;
      const own = end < 0 ? rest : rest.slice(0, end);
      await Parser.parse(own, { flags, args, strict });
    }
  });
}

test.run();
