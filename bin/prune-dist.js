// Build step: removes compiled files whose source is gone, which would live on as commands and modules.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
for (const folder of ['src', 'test']) {
  if (!existsSync(`${root}dist/${folder}`)) continue;
  for (const name of readdirSync(`${root}dist/${folder}`, { recursive: true, encoding: 'utf8' })) {
    const source = /^(.*)\.js(?:\.map)?$/.exec(name)?.[1];
    if (source === undefined || existsSync(`${root}${folder}/${source}.ts`)) continue;
    rmSync(`${root}dist/${folder}/${name}`);
  }
}
