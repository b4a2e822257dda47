/** The results of a run of set-ups: a line for the terminal, and the page docs/setups.md. */
import { EXOTIC } from './catalogue.js';
import { listExotic } from './plan.js';
import type { Trial, Tried } from './try.js';

/** What runs of this page had wrong at first. */
const MENDED = [
  'What was wrong in earlier runs of more than 1,000 set-ups was mended and tried again (seeds in brackets): a refusal by a',
  'container whose message the host stops (473, 486, 513); rules of a bridge before frames that DNAT turns round (459, 515);',
  'IPv6 whose neighbour discovery a rule stops (438); a reply whose tuple another entry has (500); replies of UDP from another',
  'address (511); rules of ARP (3006); devices without ARP (3036, 3059); IPv6 turned round by its bridge without forwarding',
  '(3049); the protocol of a connection in rules about messages (486); a client on the link of a device to whom a route leads by',
  'a gateway that nobody is (3117); a container that has lost its address of IPv6 (4178, 4188, 4223, 4246, 4293); the route of a',
  'message of refusal, which has no source yet (5071, 5460); replies of UDP to a client whose address is not known (5065). In 5213 and',
  '5466 the trial did not know an error of ICMP, and in 5380 it did not wait for one that the kernel holds back.',
];

export function summarize(tried: readonly Tried[]): string {
  const some = (test: (plan: Tried['plan']) => boolean): Tried[] =>
    tried.filter(({ plan }) => test(plan));
  const groups: readonly (readonly [string, readonly Tried[]])[] = [
    ['all', tried],
    ['nothing exotic', some((plan) => !isExotic(plan))],
    ['of TCP', some(({ protocol }) => protocol === 'tcp')],
    ['of UDP', some(({ protocol }) => protocol === 'udp')],
    ['containers with IPv6', some(({ six }) => six)],
  ];
  return groups.map(([name, list]) => `${name}: ${count(list)}`).join('\n');
}

function isExotic(plan: Tried['plan']): boolean {
  return listExotic(plan).length > 0;
}

function count(tried: readonly Tried[]): string {
  const trials = tried.flatMap((one) => one.trials);
  const open = trials.filter(({ right }) => right === null).length;
  const wrong = trials.filter(({ right }) => right === false).length;
  const share = trials.length === 0 ? 0 : (100 * open) / trials.length;
  return `${tried.length} set-ups, ${trials.length} predictions tried: ${wrong} wrong, ${open} unknown (${share.toFixed(1)} %)`;
}

/** What stays unknown, by its reason, with an example. */
export function writeTable(tried: readonly Tried[]): string {
  const seeds = tried.map(({ plan }) => plan.seed);
  const groups = new Map<string, { count: number; change: string }>();
  for (const { plan, trials } of tried) {
    for (const trial of trials) {
      if (trial.right !== null) continue;
      const key = shorten(trial);
      const known = groups.get(key);
      const change = plan.changes.map(({ name }) => name).join(' + ') || 'as the engine made it';
      groups.set(key, { count: (known?.count ?? 0) + 1, change: known?.change ?? change });
    }
  }
  const rows = [...groups].sort(([, a], [, b]) => b.count - a.count);
  return `${[
    '# Set-ups that predictions were tried on',
    '',
    `Written by \`npm run setups\` (${tried.length} set-ups with seeds between ${Math.min(...seeds)} and ${Math.max(...seeds)}). Each set-up is a host of network`,
    'namespaces with the rules of one engine and changes at random: routes and routing rules, reverse path filters, bridges, the',
    'inside of containers, address resolution, connection tracking, NAT, and rules of firewalls. `explain` predicts every vantage,',
    'and each prediction is tried with a real connection of TCP or a real datagram: how it ends, the address that the server sees,',
    'and whether connection tracking has rewritten it must be as predicted. Seeds up to 400 are of TCP and of the first kinds; seeds',
    'from 3000 on are of all kinds but the fourth (programs of BPF, rules that were left behind, firewalls of other programs, other',
    'networks of the host), which come from 6000 on. A part of the seeds is tried with `--minutes 4 --keep FILE`, again and again until',
    'all are; a seed whose set-up the kernel refuses is left out.',
    '',
    ...summarize(tried)
      .split('\n')
      .map((line) => `- ${line}`),
    '',
    'Exotic is what this list names, and nothing else:',
    '',
    ...Object.values(EXOTIC).map((what) => `- ${what}`),
    '',
    ...MENDED,
    '',
    'The kernel of the machines that it ran on has no VRF, no VLANs, no ipvlan and no WireGuard: those were tried with unit tests',
    'alone, and a veth stands for the tunnel.',
    '',
    'What stays unknown, and why:',
    '',
    '| Predictions | Reason | For example |',
    '|---:|---|---|',
    ...rows.map(([why, { count: n, change }]) => `| ${n} | ${escape(why)} | ${escape(change)} |`),
  ].join('\n')}\n`;
}

/** Without what differs from set-up to set-up. */
function shorten({ prediction }: Trial): string {
  return prediction.why
    .replace(/\d+\.\d+\.\d+\.\d+(:\d+)?(\/\d+)?/g, 'ADDR')
    .replace(/\[?[0-9a-f]*:[0-9a-f:]+\]?(:\d+)?(\/\d+)?/g, 'ADDR')
    .replace(/"[^"]*"/g, '"…"')
    .replace(/\bpid \d+\b/g, 'pid N');
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|');
}
