/** A command of the program's own kind, run by the tests of `src/cli` as a process: it fails in the way its flag asks for. */
import { Flags } from '@oclif/core';
import { handle } from '@oclif/core/handle';
import { fileURLToPath } from 'node:url';
import { TraceFlowCommand } from '../../../src/cli/command.js';
import { UserError } from '../../../src/model/errors.js';

class FixtureCommand extends TraceFlowCommand {
  static override id = 'fixture';
  static override flags = {
    port: Flags.integer({ char: 'p', min: 1, max: 65_535 }),
    path: Flags.string({ options: ['dnat', 'relay'] }),
    address: Flags.string({
      parse: (input) => Promise.reject(new Error(`${input} is no address`)),
    }),
    fail: Flags.string(),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(FixtureCommand);
    if (flags.fail === 'user') {
      throw new UserError('The kernel has no BTF.', {
        code: 'no-btf',
        exit: 1,
        remedy: 'Boot a kernel built with CONFIG_DEBUG_INFO_BTF.',
      });
    }
    if (flags.fail === 'none-seen') {
      throw new UserError('No traffic matched.', { code: 'no-traffic', exit: 3 });
    }
    if (flags.fail === 'system') throw Object.assign(new Error('EACCES: open'), { code: 'EACCES' });
    if (flags.fail === 'defect') throw new TypeError('undefined is not a packet');
    if (flags.fail === 'quietly') this.exit(4);
    process.stdout.write('done\n');
  }
}

const project = fileURLToPath(new URL('../../../..', import.meta.url));
await FixtureCommand.run(process.argv.slice(2), project).catch(handle);
