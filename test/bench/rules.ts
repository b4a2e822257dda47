// What 10,000 rules cost: `explain --json` on saved rule sets, wall clock from the start of the process. Needs no root.

import { execa } from 'execa';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FIXTURES = join(ROOT, 'test/prove/predict/fixtures');
const COUNT = 10_000;

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

async function measure(name: string, flag: string, file: string): Promise<void> {
  const times: number[] = [];
  const run = [join(ROOT, 'bin/run.js'), 'explain', '--port', '6379', '--client', '198.51.100.2'];
  for (let i = 0; i < 5; i += 1) {
    const began = performance.now();
    await execa(process.execPath, [...run, flag, file, '--json']);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const shown = [times[0], times[2]].map((time) => `${Math.round(time ?? NaN)} ms`);
  process.stdout.write(`${name}: best ${shown[0]}, median ${shown[1]} of 5\n`);
}

const folder = await mkdtemp(join(tmpdir(), 'trace-flow-bench-'));
try {
  const small = join(FIXTURES, 'docker-20.10-proxy.iptables');
  const text = await readFile(small, 'utf8');
  const many = Array.from({ length: COUNT }, (_, i) => saved(i)).join('\n');
  const big = join(folder, 'big.iptables');
  await writeFile(big, text.replace(/(\*filter\n(?::.*\n)*)/, `$1${many}\n`));
  const json = join(folder, 'big.json');
  await writeFile(
    json,
    growJson(await readFile(join(FIXTURES, 'hostile.nft.json'), 'utf8').then(asIp)),
  );
  await measure('explain, the few rules of Docker', '--iptables', small);
  await measure('explain, 10,000 rules more', '--iptables', big);
  await measure("explain, 10,000 rules in nft's JSON", '--nft', json);
} finally {
  await rm(folder, { recursive: true });
}

function asIp(text: string): string {
  return text.replaceAll('"inet"', '"ip"');
}
