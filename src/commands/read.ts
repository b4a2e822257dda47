/** `trace-flow read`: analyses captures and recordings without root, anywhere. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TraceFlowCommand } from '../cli/command.js';
import { readOutputs, sharedFlags } from '../cli/flags.js';
import { joinLines } from '../cli/paragraphs.js';
import { createTerminal } from '../cli/terminal.js';

export default class Read extends TraceFlowCommand {
  static override summary = 'Analyse captures (pcap, pcapng) or recordings made with --record.';

  static override description =
    joinLines(`Reports on captures as a live trace does, as far as packets can tell; what they cannot show is said. Of several files, taken
on the host and in a container for instance, the clocks are set to each other. A recording is reported as the live trace was;
recordings of several hosts are told as one, each connection with its parts on all of them.
Needs no root and no Linux. Files may be compressed with gzip; - is standard input. Without --port it lists what is there.

Exit codes: 0 reported, 1 could not read, 2 wrong usage, 3 no matching traffic, 4 --expect not met.`);

  static override examples = [
    {
      description: 'What is in a capture, and how one port was reached',
      command: '<%= config.bin %> read host.pcap\n<%= config.bin %> read host.pcap --port 8080',
    },
    {
      description: 'Host and container captured separately',
      command: '<%= config.bin %> read host.pcapng container.pcap.gz --port 8080',
    },
    {
      description: 'While it is taken; Ctrl-C ends it',
      command: 'tcpdump -i any -U -w - | <%= config.bin %> read - --port 8080',
    },
    {
      description: 'A recording again, as a picture',
      command: '<%= config.bin %> read redis.tflow --svg redis.svg',
    },
    {
      description: 'Two hosts that were traced at the same time: one path over both',
      command: '<%= config.bin %> read a.tflow b.tflow --html both.html',
    },
  ];

  static override args = {
    file: Args.string({
      required: true,
      description: 'captures, or recordings of different hosts; - for standard input',
    }),
  };

  // Any number of files.
  static override strict = false;

  static override flags = {
    ...sharedFlags,
    record: Flags.string({
      helpValue: 'FILE',
      dependsOn: ['anonymize'],
      description: 'with --anonymize: keep the recording with its pseudonyms',
    }),
    topology: Flags.string({
      helpValue: 'FILE',
      description: 'names for a capture: what `explain --json` printed on the captured machine',
    }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Read);
    const { readTrace } = await import('../app/read.js');
    const terminal = createTerminal();
    const exit = await readTrace(
      {
        files: argv.map(String),
        query: {
          ports: flags.port ?? [],
          containers: flags.container ?? [],
          protocol: flags.protocol,
        },
        client: flags.client ?? null,
        hops: flags.hops === undefined ? 64 : flags.hops,
        topology: flags.topology,
        program: `trace-flow ${this.config.version}`,
      },
      {
        ...readOutputs(flags),
        record: flags.record,
      },
      terminal,
      process.stdin,
    );
    this.exit(await terminal.finish(exit));
  }
}
