/**
 * Runs the commands that the README and docs/outputs.md show, and puts their output in place: sessions, a Mermaid
 * block, files.
 */
import { execa } from 'execa';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The pages whose commands are run. */
const PAGES = ['README.md', 'docs/outputs.md'].map((name) => join(ROOT, name));

/** A block that begins with a command and is no live trace: everything behind it is what the commands print. */
const SESSION = /^```\n(\$ (?!sudo)[^]*?)^```$/gm;
const SHELL = /^```sh\n([^]*?)^```$/gm;
/** Commands that need nothing but this repository. */
const SELF_SUFFICIENT = /^trace-flow .*\bsamples\//;
const MERMAID = /^```mermaid\n[^]*?^```$/gm;

export interface Replay {
  /** Each page as its commands make it now. */
  readonly pages: readonly { readonly file: string; readonly text: string }[];
  /** Where the files that they write are. */
  readonly folder: string;
}

/** Runs the pages' commands in a folder of their own and hands on what came of it; the folder is gone afterwards. */
export async function replayPages(use: (replay: Replay) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-readme-'));
  try {
    await symlink(join(ROOT, 'samples'), join(folder, 'samples'));
    const program = join(folder, 'trace-flow');
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}bin/run.js' "$@"\n`);
    await chmod(program, 0o755);
    const run = async (command: string): Promise<string> => {
      const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
      const { stdout } = await execa('sh', ['-c', command], { cwd: folder, env });
      return stdout;
    };
    const pages: { file: string; text: string }[] = [];
    for (const file of PAGES) {
      pages.push({ file, text: await replay(await readFile(file, 'utf8'), folder, run) });
    }
    await use({ pages, folder });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One page with its outputs of now. */
async function replay(
  page: string,
  folder: string,
  run: (command: string) => Promise<string>,
): Promise<string> {
  for (const [, block = ''] of page.matchAll(SHELL)) {
    for (const line of block.split('\n')) {
      if (SELF_SUFFICIENT.test(line)) await run(line);
    }
  }
  const told = await replaceEach(page, SESSION, async ([, block = '']) => {
    const commands = block.split('\n').filter((line) => line.startsWith('$ '));
    const parts: string[] = [];
    for (const command of commands) {
      const printed = (await run(command.slice(2))).trimEnd();
      parts.push(command, ...(printed === '' ? [] : printed.split('\n')));
    }
    const lines = parts.map((line) => line.trimEnd());
    return ['```', ...lines, '```'].join('\n');
  });
  const drawn = /--mermaid (\S+)/.exec(page)?.[1];
  if (drawn === undefined) return told;
  const diagram = (await readFile(join(folder, drawn), 'utf8')).trimEnd();
  return told.replace(MERMAID, () => ['```mermaid', diagram, '```'].join('\n'));
}

/** The pictures that the pages show and that their commands write under the same name. */
export async function listPictures(): Promise<string[]> {
  const texts = await Promise.all(PAGES.map(async (page) => readFile(page, 'utf8')));
  return texts.flatMap((text) =>
    [...text.matchAll(/!\[[^\]]*\]\((?:docs\/)?([\w-]+\.svg)\)/g)].flatMap(
      ([, name]) => name ?? [],
    ),
  );
}

async function replaceEach(
  text: string,
  pattern: RegExp,
  make: (match: RegExpMatchArray) => Promise<string>,
): Promise<string> {
  let result = '';
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    result += text.slice(end, match.index) + (await make(match));
    end = match.index + match[0].length;
  }
  return result + text.slice(end);
}
