/** `trace-flow doctor`: checks what this machine can do, and says how to fix what is missing. */
import * as Flags from '@oclif/core/flags';
import { TraceFlowCommand } from '../cli/command.js';
import { joinLines } from '../cli/paragraphs.js';
import { createTerminal } from '../cli/terminal.js';
import { UserError } from '../model/errors.js';

export default class Doctor extends TraceFlowCommand {
  static override summary = 'Say what this machine can do, and how to mend what is missing.';

  static override description =
    joinLines(`Looks at the kernel, the rights, the programs and the engine, then tries the probes for real on a port that
nobody uses. Changes nothing, unless --clean is given.

Exit codes: 0 live tracing works here, 1 it does not, 2 wrong usage.`);

  static override examples = [
    { description: 'Can this machine trace?', command: 'sudo <%= config.bin %> doctor' },
    { description: 'For a bug report', command: 'sudo <%= config.bin %> doctor --json' },
    {
      description: 'End tracers and remove labs whose trace-flow was killed',
      command: 'sudo <%= config.bin %> doctor --clean',
    },
  ];

  static override flags = {
    json: Flags.boolean({ description: 'print one JSON document, schema trace-flow/doctor/1' }),
    clean: Flags.boolean({
      description: 'end tracers and remove labs whose trace-flow has ended; nothing else',
    }),
    netns: Flags.string({
      helpValue: 'NAME|PATH',
      description: "network namespace of the Docker host; this one's unless told",
    }),
    bpftrace: Flags.string({
      helpValue: 'PATH',
      default: 'bpftrace',
      description: 'the bpftrace to use',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const { examine, renderDoctor } = await import('../app/doctor.js');
    const terminal = createTerminal();
    const stop = new AbortController();
    const interrupted = new UserError('doctor was interrupted', { code: 'interrupted', exit: 1 });
    terminal.onInterrupt(() => stop.abort(interrupted));
    const { netns, bpftrace, clean } = flags;
    const report = await examine({ netns, bpftrace, clean }, stop.signal);
    if (flags.json) terminal.emit(`${JSON.stringify(report, null, 2)}\n`);
    else terminal.out(renderDoctor(report, terminal.color));
    this.exit(await terminal.finish(report.canTrace ? 0 : 1));
  }
}
