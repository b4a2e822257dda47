/** The base of every command: errors end here, as a message with its remedy and the right exit code. */
import { Command } from '@oclif/core/command';
import { escapeLines } from '../model/visible.js';
import { describeProgramFailure } from './failure.js';
import { standardError, standardOutput } from './streams.js';

standardOutput().claim();

/**
 * Extend this in `src/commands`. Throw a `UserError` for whatever the user can understand; call `this.parse()` first.
 * Wrong usage exits 2, other failures 1, a `UserError` as it says. No stack trace unless DEBUG is set.
 */
export abstract class TraceFlowCommand extends Command {
  protected override catch(error: Error): Promise<never> {
    const debug = Boolean(process.env['DEBUG']);
    const flags = Object.keys(this.ctor.flags);
    const { text, exit } = describeProgramFailure(error, { parsed: this.parsed, debug, flags });
    standardError().write(escapeLines(text));
    this.exit(exit);
  }
}
