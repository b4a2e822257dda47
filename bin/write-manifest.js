// Build step: writes oclif.manifest.json, so that `--help` and flag parsing load no command file.

import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';
import { settings } from '@oclif/core/settings';

settings.enableAutoTranspile = false;
const root = fileURLToPath(new URL('..', import.meta.url));
const plugin = new Plugin({
  root,
  type: 'core',
  isRoot: true,
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
});
await plugin.load();
const target = `${root}oclif.manifest.json`;
writeFileSync(`${target}.${process.pid}`, `${JSON.stringify(plugin.manifest, null, 2)}\n`);
renameSync(`${target}.${process.pid}`, target);
