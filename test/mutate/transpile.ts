/** Builds a sandbox of mutated sources without checking types, which mutants need not keep. */
import { globSync } from 'node:fs';
import { build } from 'esbuild';

await build({
  entryPoints: globSync(['src/**/*.ts', 'test/**/*.ts'], {
    exclude: (name) => name === 'page' || name === 'mutate',
  }),
  outdir: 'dist',
  outbase: '.',
  bundle: false,
  format: 'esm',
  platform: 'node',
  target: 'es2023',
  logLevel: 'error',
});
