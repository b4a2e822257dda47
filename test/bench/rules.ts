/** What 10,000 rules cost to parse and evaluate: processor time of one explanation in a process of its own. Needs no root. */
import { execa } from 'execa';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FIXTURES = join(ROOT, 'test/rules/fixtures');
const COUNT = 10_000;
const SELF = fileURLToPath(import.meta.url);

const saved = (i: number): string =>
  `-A FORWARD -s 203.0.${i >> 8}.${i & 255}/32 -p tcp -m tcp --dport ${i + 1} -j DROP`;

const match = (protocol: string, field: string, right: unknown): unknown => ({
  match: { op: '==', left: { payload: { protocol, field } }, right },
});

/** Rules in front of those for forwarded packets, as nft lists them in JSON. */
function growJson(text: string): string {
  const document = JSON.parse(text) as { nftables: unknown[] };
  const [place] = document.nftables.flatMap((item) => {
    const { chain } = item as {
      chain?: { family: string; table: string; name: string; hook?: string };
    };
    return chain?.hook === 'forward' && chain.family === 'ip' ? [chain] : [];
  });
  if (!place) throw new Error('no chain at forward');
  const { family, table, name: chain } = place;
  for (let i = 0; i < COUNT; i += 1) {
    const expr = [
      match('ip', 'saddr', `203.0.${i >> 8}.${i & 255}`),
      match('tcp', 'dport', i + 1),
      { drop: null },
    ];
    document.nftables.push({ rule: { family, table, chain, handle: 1000 + i, expr } });
  }
  return JSON.stringify(document);
}

/** Rules in front of those for forwarded packets, as nft lists them in text. */
function growText(text: string): string {
  const many = Array.from(
    { length: COUNT },
    (_, i) =>
      `ip saddr 203.0.${i >> 8}.${i & 255} tcp dport ${i + 1} counter packets 0 bytes 0 drop`,
  );
  const grown = text.replace(/(chain filter-FORWARD \{\n.*\n)/, `$1${many.join('\n')}\n`);
  if (grown === text) throw new Error('no chain at forward');
  return grown;
}

/** In the child: everything but the start of Node and the loading of modules. */
async function explainOnce(flag: string, file: string): Promise<void> {
  const { explain } = await import('../../src/app/explain.js');
  const began = process.cpuUsage();
  const { predictions } = await explain({
    query: { ports: [6379] },
    ...(flag === '--nft' ? { nft: [file] } : { iptables: [file] }),
  });
  const { user, system } = process.cpuUsage(began);
  if (predictions.length === 0) throw new Error('nothing was predicted');
  process.stdout.write(`${(user + system) / 1000}\n`);
}

async function measure(name: string, flag: string, file: string): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const { stdout } = await execa(process.execPath, [SELF, flag, file]);
    times.push(Number(stdout));
  }
  times.sort((a, b) => a - b);
  const shown = [times[0], times[2]].map((time) => `${Math.round(time ?? NaN)} ms`);
  process.stdout.write(`${name}: best ${shown[0]}, median ${shown[1]} of 5\n`);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-bench-'));
  const keep = async (file: string, text: string): Promise<string> => {
    await writeFile(join(folder, file), text);
    return join(folder, file);
  };
  try {
    const small = join(FIXTURES, 'docker-20.10-proxy.iptables');
    const many = Array.from({ length: COUNT }, (_, i) => saved(i)).join('\n');
    const text = await readFile(small, 'utf8');
    const big = text.replace(/(\*filter\n(?::.*\n)*)/, `$1${many}\n`);
    const nft = growText(await readFile(join(FIXTURES, 'docker-29-proxy.nft'), 'utf8'));
    const json = growJson(asIp(await readFile(join(FIXTURES, 'hostile.nft.json'), 'utf8')));
    await measure('the few rules of Docker', '--iptables', small);
    await measure('10,000 rules more', '--iptables', await keep('big.iptables', big));
    await measure('10,000 rules as nft prints them', '--nft', await keep('big.nft', nft));
    await measure("10,000 rules in nft's JSON", '--nft', await keep('big.json', json));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function asIp(text: string): string {
  return text.replaceAll('"inet"', '"ip"');
}

const [flag, file] = process.argv.slice(2);
await (flag !== undefined && file !== undefined ? explainOnce(flag, file) : main());
