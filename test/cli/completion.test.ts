/** Completion as the shells do it, in bash, and in zsh where that is installed. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const test = suite('completion');
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDER = `${ROOT}completions/`;

test.before(async () => {
  await execa('node', [`${ROOT}bin/write-completion.js`]);
});

/** What bash offers for the last of these words. */
async function completeInBash(...words: string[]): Promise<string[]> {
  const script = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _trace_flow; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execa('bash', ['-c', script, `${FOLDER}trace-flow.bash`, ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash: commands, flags of the command, and of trace where none is named', async () => {
  assert.equal(await completeInBash('trace-flow', 're'), ['read']);
  assert.equal(await completeInBash('trace-flow', 'read', '--top'), ['--topology']);
  assert.equal(await completeInBash('trace-flow', 'read', '--dur'), []);
  assert.equal(await completeInBash('trace-flow', '--dur'), ['--duration']);
  assert.equal(await completeInBash('trace-flow', '6379', '--dur'), ['--duration']);
});

test('bash: words that a flag takes; files and the user’s own command are left to the shell', async () => {
  assert.equal(await completeInBash('trace-flow', '6379', '--outcome', 're'), ['refused', 'reset']);
  assert.equal(await completeInBash('trace-flow', 'explain', '--from', 'loop'), [
    'loopback',
    'loopback6',
  ]);
  assert.equal(await completeInBash('trace-flow', '6379', '--svg', '--d'), []);
  assert.equal(await completeInBash('trace-flow', '6379', '--', '--dur'), []);
});

const zsh = await execa('zsh', ['-c', 'zmodload zsh/zpty && autoload -U +X compinit'], {
  reject: false,
});

/** What stands on zsh's line after Tab: a terminal of its own, so the real completion system. */
async function completeInZsh(line: string): Promise<string> {
  const script = `zmodload zsh/zpty
zpty shell 'zsh -f -i'
zpty -w shell 'stty -echo; PS1=; fpath=('$1' $fpath); autoload -U compinit; compinit -u -D; zle -C once complete-word _main_complete; report() { zle once; print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }; zle -N report; bindkey "^I" report; print READY''GO'
zpty -r shell text '*READYGO*'
zpty -w -n shell "$2"$'\\t'
zpty -r shell text '*<<*>>*'
print -r -- "$text"
zpty -d shell`;
  const { stdout } = await execa('zsh', ['-f', '-c', script, 'zsh', FOLDER, line], {
    timeout: 30_000,
  });
  return /<<(.*)>>/.exec(stdout)?.[1]?.trimEnd() ?? stdout;
}

for (const [line, completed] of [
  ['trace-flow re', 'trace-flow read'],
  ['trace-flow read --topo', 'trace-flow read --topology'],
  ['trace-flow --dur', 'trace-flow --duration'],
  ['trace-flow 6379 --dur', 'trace-flow 6379 --duration'],
  ['trace-flow 6379 --outcome sta', 'trace-flow 6379 --outcome stalled'],
] as const) {
  const title = `zsh: ${line}`;
  if (zsh.exitCode === 0) {
    test(title, async () => assert.is(await completeInZsh(line), completed));
  } else {
    test.skip(title, 'zsh is not installed');
  }
}

test.run();
