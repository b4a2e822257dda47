/** The `--json` document as text, whole or in pieces. */
import type { Report } from '../model/report.js';
import { escapeJson } from '../model/visible.js';

/** The report as indented JSON that ends in a newline. */
export function renderJson(report: Report): string {
  return escapeJson([...renderJsonPieces(report)].join(''));
}

/** Yields the JSON in pieces of at most one list entry: many connections may exceed the longest string. */
export function* renderJsonPieces(report: Report): Generator<string> {
  let before = '{';
  for (const [name, value] of Object.entries(report)) {
    if (value === undefined) continue;
    yield `${before}\n  ${JSON.stringify(name)}: `;
    yield* Array.isArray(value) ? renderList(value) : [indent(value, 2)];
    before = ',';
  }
  yield '\n}\n';
}

function* renderList(list: readonly unknown[]): Generator<string> {
  let before = '[';
  for (const value of list) {
    yield `${before}\n    ${indent(value, 4)}`;
    before = ',';
  }
  yield list.length === 0 ? '[]' : '\n  ]';
}

/** Indents all lines but the first by `by` spaces. Strings stay intact, because JSON strings hold no line breaks. */
function indent(value: unknown, by: number): string {
  return (JSON.stringify(value, null, 2) ?? 'null').replaceAll('\n', `\n${' '.repeat(by)}`);
}
