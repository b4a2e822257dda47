// Build step: bundles the script of the HTML report, layout and drawing included, into one file that reports carry.

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
await build({
  entryPoints: [`${root}src/render/html/page/main.ts`],
  outfile: `${root}dist/src/render/html/page.bundle.js`,
  bundle: true,
  minify: true,
  charset: 'ascii',
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
});
