/** `trace-flow demo`: shows every path on a private Docker Engine. */
import * as Flags from '@oclif/core/flags';
import { TraceFlowCommand } from '../cli/command.js';
import { joinLines } from '../cli/paragraphs.js';
import { createTerminal } from '../cli/terminal.js';

export default class Demo extends TraceFlowCommand {
  static override summary = 'Trace real traffic over every path on a private Docker Engine.';

  static override description =
    joinLines(`Starts a Docker Engine of its own in its own network namespace (the machine's own engine, rules and addresses
are not touched), a Redis container and clients around it, sends a PING from each, traces them all, says which
way each went and why, writes a picture of each, and removes everything again. Needs root on Linux; elsewhere it shows a trace that was recorded earlier.`);

  static override examples = [
    {
      description: 'Table, two ladders, pictures in ./trace-flow-demo',
      command: 'sudo <%= config.bin %> demo',
    },
    {
      description: 'Pictures elsewhere',
      command: 'sudo <%= config.bin %> demo --out /tmp/pictures',
    },
  ];

  static override flags = {
    out: Flags.string({
      helpValue: 'FOLDER',
      default: 'trace-flow-demo',
      description: 'where the pictures go',
    }),
    json: Flags.boolean({ description: 'print the JSON document instead of text' }),
    bpftrace: Flags.string({
      helpValue: 'PATH',
      default: 'bpftrace',
      description: 'the bpftrace to use',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Demo);
    const terminal = createTerminal();
    const { findLabObstacle, SAMPLE } = await import('../app/demo-sample.js');
    const obstacle = findLabObstacle(process.platform, process.getuid?.());
    if (obstacle !== null) {
      terminal.err(
        `${obstacle}\nuntil then, a trace recorded earlier: trace-flow read ${SAMPLE}\n`,
      );
      await this.config.runCommand('read', [SAMPLE, ...(flags.json ? ['--json'] : [])]);
      return;
    }
    const { runDemo } = await import('../app/demo.js');
    const exit = await runDemo(
      {
        folder: flags.out,
        json: flags.json,
        bpftrace: flags.bpftrace,
        program: `trace-flow ${this.config.version}`,
      },
      terminal,
    );
    this.exit(await terminal.finish(exit));
  }
}
