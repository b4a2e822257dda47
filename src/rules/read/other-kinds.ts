/** Recognizes files that are not saved rule sets, and tells what to give instead. */
import { UserError } from '../../model/errors.js';

/** The option with which a file was given. */
export type SavedKind = 'iptables' | 'nft';

interface OtherKind {
  readonly pattern: RegExp;
  /** The only option for which this kind is wrong; left out if it is wrong for both. */
  readonly not?: SavedKind;
  readonly is: string;
  readonly remedy: string;
}

const SAVED = 'run iptables-save -c (and ip6tables-save -c) as root and give what it prints';
const LISTED = 'run nft -j list ruleset as root and give what it prints';

/** The first pattern that matches counts; each one looks only at the beginning. */
const KINDS: readonly OtherKind[] = [
  {
    pattern: /^(?:[\uFFFD\xD4\xC3\xA1\xB2\x0A\x0D]{0,4}\uFFFD[^\n]{0,2}\x02\0|\x0A\x0D\x0D\x0A)/,
    is: 'it is a capture of packets',
    remedy: 'read that with trace-flow read FILE',
  },
  {
    pattern: /^\uFFFD{2}[\s\S]\0/,
    is: 'its text is UTF-16, as Windows writes it',
    remedy: 'save it as UTF-8',
  },
  {
    pattern: /^\x1F\uFFFD\x08/,
    is: 'it is compressed',
    remedy: 'uncompress it first: gunzip FILE',
  },
  {
    pattern: /^[^\n]{0,200}[\0\uFFFD]/,
    is: 'it is no text',
    remedy: 'give a file with rules as text',
  },
  {
    pattern: /^\s*<(?:!doctype|html|\?xml)/i,
    is: 'it is a web page',
    remedy: 'save the text itself, not the page around it',
  },
  {
    pattern: /^[^\n]*(?:permission denied|must be root|operation not permitted)/i,
    is: 'it is an error message and no rules',
    remedy: 'run the command as root',
  },
  {
    pattern: /^\s*\{\s*"schema":\s*"trace-flow\/explain/,
    is: 'it is a document of trace-flow explain --json',
    remedy: 'give it with --topology, and the rules with --iptables or --nft',
  },
  {
    pattern: /^\s*Chain \S+ \(/,
    is: 'it is what iptables -L prints, which leaves out devices and more',
    remedy: SAVED,
  },
  {
    pattern: /^(?:#!.*\n|#.*\n|\s*\n)*\s*(?:sudo )?ip6?tables(?:-nft|-legacy)? -/,
    is: 'it is a script of iptables commands, and not what came of them',
    remedy: SAVED,
  },
  {
    pattern:
      /^(?:#!.*\n|#.*\n|\s*\n)*\s*(?:flush ruleset|define \S+ =|include "|(?:add|create|delete) \w+ )/,
    is: 'it is a script for nft -f, and not what came of it',
    remedy: LISTED,
  },
  {
    pattern: /^(?:table \w+ \S+\s*\n)+\s*$/,
    is: 'it is what nft list tables prints: their names only',
    remedy: LISTED,
  },
  {
    not: 'nft',
    pattern: /^(?:#.*\n|\s*\n)*(?:\*\w+\s*$|-[PN] \S+)/m,
    is: 'it is what iptables prints',
    remedy: 'give it with --iptables',
  },
  {
    not: 'iptables',
    pattern: /^(?:#.*\n|\s*\n)*\s*(?:table \w+ \S+ \{|\{\s*"nftables")/,
    is: 'it is what nft prints',
    remedy: 'give it with --nft',
  },
];

/** @throws UserError for a file that is of another kind for certain. */
export function refuseOtherKinds(text: string, file: string, as: SavedKind): void {
  const other = KINDS.find(({ pattern, not }) => (not ?? as) === as && pattern.test(text));
  if (!other) return;
  throw new UserError(`${file} holds no saved rules: ${other.is}`, {
    code: 'malformed-rules',
    exit: 1,
    remedy: other.remedy,
  });
}
