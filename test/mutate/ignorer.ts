/** Tells Stryker what not to mutate: sentences. */
import type { Ignorer, NodePath } from '@stryker-mutator/api/ignore';
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** The part of a syntax tree's node that is looked at. */
interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
}

/** A code is one word; whatever has a space is for people. */
function isSentence({ type, value, quasis }: Node): boolean {
  if (type === 'StringLiteral') return typeof value === 'string' && value.includes(' ');
  return (
    type === 'TemplateLiteral' && (quasis ?? []).some(({ value: { raw } }) => raw.includes(' '))
  );
}

const ignorer: Ignorer = {
  shouldIgnore(path: NodePath) {
    const { node } = path as { node: Node };
    return isSentence(node) ? 'a sentence' : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'sentences', ignorer)];
