/** Tells Stryker what not to mutate: sentences, and what lies outside the sample. */
import { createHash } from 'node:crypto';
import type { Ignorer, NodePath } from '@stryker-mutator/api/ignore';
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** The part of a syntax tree's node that is looked at. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly value?: unknown;
  readonly id?: { readonly name?: string } | null;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
}

/** A code is one word; whatever has a space is for people. */
function isSentence({ type, value, quasis }: Node): boolean {
  if (type === 'StringLiteral') return typeof value === 'string' && value.includes(' ');
  return (
    type === 'TemplateLiteral' && (quasis ?? []).some(({ value: { raw } }) => raw.includes(' '))
  );
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'ClassMethod', 'ClassPrivateMethod']);

/** A share of all functions, the same for the same seed. */
function isOutsideSample(node: Node, share: number, seed: string): boolean {
  if (share >= 1 || !FUNCTIONS.has(node.type)) return false;
  const hash = createHash('sha256')
    .update(`${seed}|${node.id?.name ?? ''}|${node.start}`)
    .digest();
  return hash.readUInt32BE() / 2 ** 32 >= share;
}

const ignorer: Ignorer = {
  shouldIgnore(path: NodePath) {
    const { node } = path as { node: Node };
    if (isSentence(node)) return 'a sentence';
    const { MUTATE_SHARE: share = '1', MUTATE_SEED: seed = '1' } = process.env;
    return isOutsideSample(node, Number(share), seed) ? 'not in the sample' : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'sentences', ignorer)];
