// Build step: writes oclif.manifest.json, so that flag parsing loads no command file, and the texts of --help.

import { renameSync, writeFileSync } from 'node:fs';
import { format } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Config, Help, Plugin } from '@oclif/core';
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
writeWhole('oclif.manifest.json', plugin.manifest);

class WrittenHelp extends Help {
  text = '';
  log(...parts) {
    this.text += `${format(...parts)}\n`;
  }
}

const config = await Config.load({ root, userPlugins: false, devPlugins: false });
const texts = {};
for (const command of ['', ...config.commandIDs]) {
  const help = new WrittenHelp(config, config.pjson.oclif.helpOptions);
  await help.showHelp(command === '' ? ['--help'] : [command, '--help']);
  texts[command] = help.text;
}
const version = `${config.name}/${config.version}`;
writeWhole('dist/src/help.json', { version, placeholder: config.userAgent, texts });

function writeWhole(name, content) {
  const draft = `${root}${name}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(draft, `${root}${name}`);
}
