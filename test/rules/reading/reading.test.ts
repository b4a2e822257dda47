/** The command that reads folders: what it takes for a rule set, and what it reports as a loss. */
import * as assert from 'uvu/assert';
import { parseSaved } from '../../../src/rules/read/iptables.js';
import { parseNft } from '../../../src/rules/read/nft.js';
import { suite } from '../../support/suite.js';
import { extract } from './extract.js';
import { listLosses } from './losses.js';

const test = suite('reading folders of rule sets');

test('rule sets in documents and sources: indented, of several kinds, and none', () => {
  assert.equal(extract('# words\n\nno rules here\n'), []);
  const text =
    'Rules:\n\n    -P INPUT ACCEPT\n    -A INPUT -j DROP\n\n    table ip t {\n\tchain c {\n\t}\n    }\nand\nadd rule ip t c drop\n';
  assert.equal(
    extract(text).map(({ kind, text: own }) => [kind, own]),
    [
      ['iptables', '-P INPUT ACCEPT\n-A INPUT -j DROP\n'],
      ['nft', 'table ip t {\nchain c {\n}\n}\n'],
      ['script', 'add rule ip t c drop\n'],
    ],
  );
  assert.equal(extract('{ "nftables": [] }')[0]?.kind, 'nft');
});

test('losses: a match, a target, a mark and a part of a set that are not understood', () => {
  const saved = (rule: string): string[] =>
    listLosses(parseSaved(`*filter\n:INPUT ACCEPT [0:0]\n${rule}\nCOMMIT\n`, 'test')).map(
      ({ what }) => what,
    );
  assert.equal(saved('-A INPUT -p tcp -m tcp --dport 80 -j DROP'), []);
  assert.is(saved('-A INPUT -m u32 --u32 "0=0" -j DROP').length, 1);
  assert.is(saved('-A INPUT -j NFQUEUE --queue-num 1').length, 1);
  const nft = (rule: string): string[] =>
    listLosses(parseNft(`table ip t {\nchain c {\n${rule}\n}\n}`, 'test')).map(({ what }) => what);
  assert.equal(nft('tcp dport 80 counter accept'), []);
  assert.is(nft('meta mark set ip saddr map { 192.0.2.1 : 7 }').length, 1);
  assert.is(nft('ip id vmap { 7 : drop }').length, 1);
});

test.run();
