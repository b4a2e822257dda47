/** `trace-flow trace` (the root command): traces live, judges, and says how the traffic got in. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TraceFlowCommand } from '../cli/command.js';
import { readOutputs, sharedFlags } from '../cli/flags.js';
import { splitTargets } from '../cli/targets.js';
import { joinLines } from '../cli/paragraphs.js';
import { watchLifeline } from '../cli/lifeline.js';
import { createTerminal, type OwnTerminal } from '../cli/terminal.js';
import { UserError } from '../model/errors.js';
import { parseRemoteHost, type RemoteHost } from '../model/remote-host.js';

const host = Flags.custom<RemoteHost>({
  parse: (text) => {
    const found = parseRemoteHost(text);
    if (found !== null) return Promise.resolve(found);
    throw usage(
      `--host ${text} is neither ssh://[USER@]HOST[:PORT] nor local`,
      'give e.g. --host ssh://root@192.0.2.1, or ssh:// and an alias of ~/.ssh/config',
    );
  },
});

export default class Trace extends TraceFlowCommand {
  static override summary = 'Trace connections live and prove which way they get into a container.';

  static override description =
    joinLines(`Attaches eBPF probes, follows every connection to the port over all its hops, and reports for each whether
it went by DNAT, through docker-proxy, another relay, directly, or to a process of the host.
Needs root. Changes nothing on the machine, unless --trace-rules is given. Ctrl-C ends the trace and reports; a second one ends at once.

Exit codes: 0 reported, 1 could not trace, 2 wrong usage, 3 no matching traffic, 4 --expect not met.`);

  static override usage = '[PORT|NAME]... [FLAGS] [-- COMMAND...]';

  static override args = {
    target: Args.string({
      description: 'a port or a container, as with --port and --container; any number of them',
    }),
  };

  static override strict = false;

  static override examples = [
    {
      description: 'Everything that reaches the published port 6379, until Ctrl-C',
      command: 'sudo <%= config.bin %> --port 6379',
    },
    {
      description: 'What one command does, as a picture too',
      command: 'sudo <%= config.bin %> --port 6379 --svg redis.svg -- redis-cli -h 127.0.0.1 ping',
    },
    {
      description: 'A check for scripts: exits 4 unless it goes by DNAT',
      command: 'sudo <%= config.bin %> --port 6379 -n 1 -d 30 --expect dnat --json',
    },
    {
      description: 'Name every firewall rule on the way (adds a table to nftables while it runs)',
      command: 'sudo <%= config.bin %> --port 6379 -n 1 --trace-rules',
    },
    {
      description: 'Keep the evidence and look at it elsewhere',
      command: 'sudo <%= config.bin %> --port 6379 -d 10 --record redis.tflow',
    },
    {
      description: 'One path over two machines, until Ctrl-C',
      command:
        '<%= config.bin %> --host ssh://root@a.example --host ssh://root@b.example --port 6379',
    },
  ];

  static override flags = {
    ...sharedFlags,
    duration: Flags.string({
      char: 'd',
      helpValue: 'S',
      description: 'end after so many seconds',
    }),
    connections: Flags.integer({
      char: 'n',
      min: 1,
      helpValue: 'N',
      description: 'end when so many connections have ended',
    }),
    netns: Flags.string({
      helpValue: 'NAME|PATH',
      default: 'self',
      description: "the Docker host's network namespace",
    }),
    host: host({
      multiple: true,
      helpValue: 'ssh://[USER@]HOST[:PORT]',
      exclusive: ['watch'],
      description:
        'trace there, through ssh; repeat it to follow connections over several hosts; `local` is this machine',
    }),
    'host-program': Flags.string({
      helpValue: 'PATH',
      default: 'trace-flow',
      description: 'the trace-flow to run on each --host',
    }),
    'ssh-config': Flags.string({
      helpValue: 'FILE',
      dependsOn: ['host'],
      description: 'a configuration for ssh in place of ~/.ssh/config',
    }),
    lifeline: Flags.boolean({
      hidden: true,
      description:
        'end when standard input ends or falls silent: how --host holds the traces there',
    }),
    record: Flags.string({
      helpValue: 'FILE',
      description:
        'keep the trace as it comes, packed in FILE.gz, or - for standard output; `read` replays it; one FILE-HOST for each --host',
    }),
    probes: Flags.option({ options: ['auto', 'tracepoint', 'kprobe', 'fentry'] as const })({
      default: 'auto' as const,
      description:
        'kinds of probes: fentry or kprobe add the NAT hooks and other functions; auto where the kernel can',
    }),
    'trace-rules': Flags.boolean({
      description:
        'name each nftables rule that a first packet meets; CHANGES THE MACHINE: adds a table of its own while tracing',
    }),
    'bpftrace-env': Flags.boolean({
      description:
        'hand on this environment to bpftrace, with its BPFTRACE_* settings; it gets a clean one otherwise',
    }),
    watch: Flags.boolean({
      description:
        'show connections as they come: in place on a terminal, else a line for each as it ends',
    }),
    budget: Flags.integer({
      min: 1,
      max: 100_000,
      default: 16,
      helpValue: 'N',
      description: 'packets printed per direction and device before they are only counted',
    }),
    bpftrace: Flags.string({
      helpValue: 'PATH',
      default: 'bpftrace',
      description: 'the bpftrace to use',
    }),
  };

  async run(): Promise<void> {
    const at = this.argv.indexOf('--');
    const own = at < 0 ? this.argv : this.argv.slice(0, at);
    const command = at < 0 ? [] : this.argv.slice(at + 1);
    const { flags, argv } = await this.parse(Trace, own);
    if (at >= 0 && command.length === 0) {
      throw usage(
        '-- is there, but no command behind it',
        'trace-flow --port 6379 -- redis-cli ping',
      );
    }
    const duration = flags.duration === undefined ? undefined : parseSeconds(flags.duration);
    const terminal = createTerminal();
    const trace = {
      query: {
        ...splitTargets(argv.map(String), flags),
        protocol: flags.protocol,
      },
      client: flags.client ?? null,
      netns: flags.netns,
      dockerHost: process.env['DOCKER_HOST'],
      duration,
      connections: flags.connections,
      command,
      budget: flags.budget,
      hops: flags.hops === undefined ? 64 : flags.hops,
      bpftrace: flags.bpftrace,
      profile: flags.probes,
      traceRules: flags['trace-rules'],
      passEnvironment: flags['bpftrace-env'],
      program: `trace-flow ${this.config.version}`,
    };
    const outputs = { ...readOutputs(flags), record: flags.record, watch: flags.watch };
    const exit =
      flags.host === undefined
        ? await (
            await import('../app/live.js')
          ).traceLive(trace, outputs, flags.lifeline ? holdByInput(terminal) : terminal)
        : await (
            await import('../app/hosts/trace-hosts.js')
          ).traceHosts(
            {
              hosts: flags.host,
              program: flags['host-program'],
              sshConfig: flags['ssh-config'],
              trace,
            },
            outputs,
            terminal,
          );
    this.exit(await terminal.finish(exit));
  }
}

/** Ends the trace as an interrupt does when the program that started this one is gone. */
function holdByInput(terminal: OwnTerminal): OwnTerminal {
  return {
    ...terminal,
    onInterrupt: (first) => {
      terminal.onInterrupt(first);
      watchLifeline(process.stdin, first);
    },
  };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?s?$/.test(text) && seconds > 0) return seconds;
  throw usage(`--duration ${text} is not a number of seconds`, 'give e.g. -d 10');
}

function usage(message: string, remedy: string): UserError {
  return new UserError(message, { code: 'usage', exit: 2, remedy });
}
