/** Chains of devices, of which the JSON of nft 1.0.6 does not tell the devices: the text does. */
import * as assert from 'uvu/assert';
import type { RunCommand } from '../../src/host/command.js';
import { readRules } from '../../src/host/rules.js';
import { suite } from '../support/suite.js';

const test = suite('chains of devices');

const chain = (more: object): object => ({
  chain: {
    family: 'netdev',
    table: 'w',
    name: 'c',
    handle: 1,
    type: 'filter',
    hook: 'ingress',
    prio: 0,
    policy: 'accept',
    ...more,
  },
});
const json = (more: object): string =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      { table: { family: 'netdev', name: 'w', handle: 1 } },
      chain(more),
    ],
  });
const TEXT =
  'table netdev w {\n\tchain c {\n\t\ttype filter hook ingress device "ext0" priority filter; policy accept;\n\t}\n}\n';

/** The devices of the only chain, and what was run. */
async function read(more: object, text: string | null): Promise<readonly [unknown, string[]]> {
  const ran: string[] = [];
  const run: RunCommand = (command, parameters) => {
    const all = [command, ...parameters].join(' ');
    ran.push(all);
    const known =
      all === 'nft -j list ruleset' ? json(more) : all === 'nft list ruleset' ? text : '';
    const stdout = known ?? '';
    return Promise.resolve({
      ok: known !== null,
      stdout,
      stderr: '',
      code: 0,
      failure: known === null ? 'failed' : null,
      message: '',
    } as Awaited<ReturnType<RunCommand>>);
  };
  const { rules } = await readRules({ run, path: null, hasNft: true });
  const bases = rules.tables.flatMap(({ chains }) => chains.map(({ base }) => base?.devices));
  return [bases, ran.filter((one) => one.startsWith('nft '))];
}

test('named by the text where the JSON does not', async () => {
  const [devices, ran] = await read({}, TEXT);
  assert.equal(devices, [['ext0']]);
  assert.equal(ran, ['nft -j list ruleset', 'nft list ruleset']);
});

test('as the JSON has them, where it does', async () => {
  assert.equal((await read({ dev: 'eth1' }, TEXT))[0], [['eth1']]);
});

test('unknown where the text cannot be read; not asked for where no chain is of a device', async () => {
  const [[devices]] = (await read({}, null)) as [unknown[], string[]];
  assert.equal(devices ?? [], []);
  const [, ran] = await read({ hook: 'forward' }, TEXT);
  assert.equal(ran, ['nft -j list ruleset']);
});

test.run();
