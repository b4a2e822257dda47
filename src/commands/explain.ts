/** `trace-flow explain`: maps the host and predicts every client's path, without tracing. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TraceFlowCommand } from '../cli/command.js';
import { sharedFlags } from '../cli/flags.js';
import { splitTargets } from '../cli/targets.js';
import { joinLines } from '../cli/paragraphs.js';
import { createTerminal } from '../cli/terminal.js';
import { VANTAGES } from '../model/explain.js';

export default class Explain extends TraceFlowCommand {
  static override summary = 'Map bridges, containers, rules and relays, and predict every path.';

  static override description =
    joinLines(`Shows what belongs to a published port: containers with their veths and bridges, docker-proxy and other sockets, and
with --rules the rules of iptables and nftables with a sentence for each. Predicts for every client which way it takes, the
rule that decides, the address that the container sees, and what stands in the way. Traces nothing, changes nothing.
Needs root for rules and other namespaces; without it, says what could not be read.
With --iptables or --nft, saved rule sets are evaluated instead of this machine's.

Exit codes: 0 explained, 1 could not, 2 wrong usage.`);

  static override examples = [
    {
      description: 'Everything about the published port 6379',
      command: 'sudo <%= config.bin %> explain --port 6379',
    },
    {
      description: "Somebody else's rules",
      command: '<%= config.bin %> explain --port 6379 --iptables saved.txt --nft ruleset.json',
    },
  ];

  static override usage = 'explain [PORT|NAME]... [FLAGS]';

  static override args = {
    target: Args.string({
      description: 'a port or a container, as with --port and --container; any number of them',
    }),
  };

  static override strict = false;

  static override flags = {
    port: sharedFlags.port,
    container: sharedFlags.container,
    protocol: sharedFlags.protocol,
    client: sharedFlags.client,
    from: Flags.option({ options: VANTAGES })({ description: 'only this vantage' }),
    netns: Flags.string({
      helpValue: 'NAME|PATH',
      default: 'self',
      description: "the Docker host's network namespace",
    }),
    iptables: Flags.string({
      multiple: true,
      helpValue: 'FILE',
      description:
        'output of iptables-save or ip6tables-save; give both: each tells of one version of IP',
    }),
    nft: Flags.string({
      multiple: true,
      helpValue: 'FILE',
      description: 'output of nft list ruleset, plain or with -j',
    }),
    topology: Flags.string({
      helpValue: 'FILE',
      description: 'an explain --json document of the machine that the saved rules are from',
    }),
    rules: Flags.boolean({
      description: 'list every rule that concerns it, in the order in which a packet meets them',
    }),
    json: Flags.boolean({ description: 'print one JSON document instead of text' }),
    svg: Flags.string({ helpValue: 'FILE', description: 'write the map as a picture' }),
    png: Flags.string({ helpValue: 'FILE', description: 'write the map as PNG' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Explain);
    const terminal = createTerminal();
    const { checkFiles, OutputFiles } = await import('../app/outputs.js');
    await checkFiles([flags.svg, flags.png], flags.json);
    const { explain } = await import('../app/explain.js');
    const explanation = await explain({
      query: {
        ...splitTargets(argv.map(String), flags),
        protocol: flags.protocol,
      },
      from: flags.from ?? null,
      client: flags.client ?? null,
      netns: flags.netns,
      dockerHost: process.env['DOCKER_HOST'],
      iptables: flags.iptables ?? [],
      nft: flags.nft ?? [],
      topology: flags.topology,
    });
    if (flags.json) terminal.emit(`${JSON.stringify(explanation, null, 2)}\n`);
    else {
      const { renderExplanation } = await import('../render/terminal/explain.js');
      terminal.out(renderExplanation(explanation, { ...terminal, rules: flags.rules }));
    }
    const files = new OutputFiles(terminal);
    await files.write(flags.svg, async () =>
      (await import('../render/svg/map.js')).renderTopologySvg(explanation),
    );
    await files.write(flags.png, async () => {
      const { renderTopologySvg } = await import('../render/svg/map.js');
      const { renderPng } = await import('../render/png.js');
      return renderPng(await renderTopologySvg(explanation));
    });
    this.exit(await terminal.finish(files.tell() ? 0 : 1));
  }
}
