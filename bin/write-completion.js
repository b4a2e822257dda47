// Build step: writes completions/trace-flow.bash and completions/_trace-flow from oclif.manifest.json.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8'));
const commands = Object.values(manifest.commands).filter(({ hidden }) => hidden !== true);
const names = commands.map(({ id }) => id);
mkdirSync(`${root}completions`, { recursive: true });
writeFileSync(`${root}completions/trace-flow.bash`, writeBash());
writeFileSync(`${root}completions/_trace-flow`, writeZsh());

function listFlags({ flags }) {
  return Object.values(flags).filter(({ hidden }) => hidden !== true);
}

/** `--port` and, where it has one, `-p`. */
function listSpellings({ name, char }) {
  return char === undefined ? [`--${name}`] : [`--${name}`, `-${char}`];
}

function namesFile({ helpValue }) {
  return helpValue === 'FILE' || helpValue === 'FOLDER' || /PATH$/.test(helpValue ?? '');
}

/** A flag's value in bash: one of its words, a file, or anything. */
function writeBashValues(command) {
  return listFlags(command)
    .filter(({ type }) => type === 'option')
    .map((flag) => {
      const pattern = listSpellings(flag).join(' | ');
      if (flag.options) return `    ${pattern}) words='${flag.options.join(' ')}' ;;`;
      return namesFile(flag) && flag.name !== 'path'
        ? `    ${pattern}) return ;;`
        : `    ${pattern}) compopt +o default; return ;;`;
    });
}

function writeBash() {
  const cases = commands.flatMap((command) => {
    const flags = listFlags(command).flatMap(listSpellings).concat('--help', '-h');
    return [
      `  ${command.id})`,
      `    case $previous in`,
      ...writeBashValues(command),
      `    *) [[ $current == -* ]] && words='${flags.join(' ')}' ;;`,
      `    esac ;;`,
    ];
  });
  return `# Completion of trace-flow for bash; made by the build. Without a command the flags are those of trace.
_trace_flow() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command=trace words= word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && return # what follows is a command of the user's
  done
  if ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in
    ${names.join(' | ')}) command=\${COMP_WORDS[1]} ;;
    esac
  elif [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$current"))
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _trace_flow trace-flow
`;
}

/** Text within single quotes in which zsh's _arguments gives brackets and colons a meaning. */
function quote(text) {
  return text.replaceAll(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''");
}

function writeZshFlag(flag) {
  const summary = quote(flag.summary ?? flag.description ?? '');
  const value =
    flag.type !== 'option'
      ? ''
      : flag.options
        ? `:${flag.name}:(${flag.options.join(' ')})`
        : `:${quote(flag.helpValue ?? 'value')}:${namesFile(flag) ? '_files' : ''}`;
  const spellings = listSpellings(flag);
  const once = flag.multiple ? '*' : spellings.length > 1 ? `(${spellings.join(' ')})` : '';
  return spellings.map((spelling) => `      '${once}${spelling}[${summary}]${value}' \\`);
}

function writeZsh() {
  const cases = commands.flatMap((command) => [
    `  ${command.id})`,
    '    _arguments -S \\',
    ...listFlags(command).flatMap(writeZshFlag),
    `      '(- *)'{-h,--help}'[show help]' \\`,
    `      '*:${'file' in command.args ? 'file:_files' : 'port or container:_guard "^-*" "port or container"'}' ;;`,
  ]);
  const list = commands.map(({ id, summary }) => `    '${id}:${quote(summary ?? '')}'`);
  return `#compdef trace-flow
# Completion of trace-flow for zsh; made by the build. Without a command the flags are those of trace.
local command=trace
local -a commands=(
${list.join('\n')}
)
if ((CURRENT > 2)); then
  case $words[2] in
  ${names.join(' | ')})
    command=$words[2]
    shift words
    ((CURRENT--))
    ;;
  esac
elif [[ $words[2] != -* ]]; then
  _describe command commands
  return
fi
case $command in
${cases.join('\n')}
esac
`;
}
