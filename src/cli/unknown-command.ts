/** Oclif's hook for a first word that is no command: says what was probably meant, and exits 2. */
import { ExitError } from '@oclif/core/errors';
import type { Hook } from '@oclif/core/hooks';
import { escapeLines } from '../model/visible.js';
import { findNearest } from './nearest.js';
import { standardError } from './streams.js';

const hook: Hook<'command_not_found'> = function ({ id, config }) {
  standardError().write(escapeLines(describeUnknown(id, config.bin, config.commandIDs)));
  return Promise.reject(new ExitError(2));
};

export default hook;

/** @returns the message, ending in a newline. */
export function describeUnknown(id: string, bin: string, commands: readonly string[]): string {
  const nearest = findNearest(id, commands);
  let hint = `Commands: ${commands.join(', ')}. More: ${bin} --help`;
  if (nearest !== undefined) {
    hint = `Did you mean \`${bin} ${nearest}\`? A container of that name: \`${bin} --container ${id}\``;
  } else if (/[./]/.test(id)) hint = `To analyse a capture: \`${bin} read ${id}\``;
  else if (/^\d+$/.test(id)) hint = `To trace a port: \`${bin} --port ${id}\``;
  return `Error: ${id} is not a command of ${bin}.\nRemedy: ${hint}\n`;
}
