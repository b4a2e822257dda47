/** Golden files: compared byte for byte, rewritten with UPDATE_GOLDEN=1, a difference left beside them as NAME-changed.EXT. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const FOLDER = new URL('../../../test/golden/', import.meta.url);

/** @returns what is wrong with `content` against its golden file, or null. */
export function compareGolden(name: string, content: string): string | null {
  const path = fileURLToPath(new URL(name, FOLDER));
  const ending = extname(path);
  const changed = `${path.slice(0, path.length - ending.length)}-changed${ending}`;
  rmSync(changed, { force: true });
  if (existsSync(path) && readFileSync(path, 'utf8') === content) return null;
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return null;
  }
  writeFileSync(changed, content);
  if (!existsSync(path)) {
    return `${name} is new: read ${name.replace(ending, `-changed${ending}`)}, then accept it with UPDATE_GOLDEN=1`;
  }
  return `${name} differs: compare it with ${name.replace(ending, `-changed${ending}`)}, or accept it with UPDATE_GOLDEN=1`;
}
