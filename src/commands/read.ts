// `trace-flow read`: analyses a recording without root, anywhere.

import * as Args from '@oclif/core/args';
import { TraceFlowCommand } from '../cli/command.js';
import { sharedFlags } from '../cli/flags.js';
import { createTerminal } from '../cli/terminal.js';

export default class Read extends TraceFlowCommand {
  static override summary = 'Analyse a recording made with --record.';

  static override description = `Reads what \`trace-flow --record FILE\` kept and reports as the live trace did. Needs no root and no Linux.
The file may be compressed with gzip.

Exit codes: 0 reported, 1 could not read, 2 wrong usage, 3 no matching traffic, 4 --expect not met.`;

  static override examples = [
    {
      description: 'The report again',
      command: '<%= config.bin %> read redis.tflow',
    },
    {
      description: 'As a picture',
      command: '<%= config.bin %> read redis.tflow --svg redis.svg',
    },
  ];

  static override args = {
    file: Args.string({ required: true, description: 'the recording' }),
  };

  static override flags = sharedFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Read);
    const { readTrace } = await import('../app/read.js');
    const exit = await readTrace(
      {
        file: args.file,
        query: {
          ports: flags.port ?? [],
          containers: flags.container ?? [],
          protocol: flags.protocol,
        },
        client: flags.client ?? null,
        hops: flags.hops === undefined ? 64 : flags.hops,
      },
      {
        json: flags.json,
        ndjson: flags.ndjson,
        svg: flags.svg,
        mermaid: flags.mermaid,
        record: undefined,
        ladders: flags.ladders,
        expect: flags.expect ?? null,
      },
      createTerminal(),
    );
    this.exit(exit);
  }
}
