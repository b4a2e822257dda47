// Writes schemas/*.json, which the package carries, and docs/schemas.md: `npm run schemas`, after the types of a document have changed.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';
import { listSchemas } from '../dist/src/model/documents.js';

const folder = new URL('../schemas/', import.meta.url);
const model = new URL('../src/model/', import.meta.url);
mkdirSync(folder, { recursive: true });
const schemas = listSchemas();
for (const { name, text } of schemas) writeFileSync(new URL(`${name}.json`, folder), text);

const comments = readComments();
writeFileSync(new URL('../docs/schemas.md', import.meta.url), writePage());

/** What the model's own comments say of fields, by all fields of the object and the name. */
function readComments() {
  const found = new Map();
  for (const file of readdirSync(model).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(new URL(file, model), 'utf8');
    const visit = (node) => {
      if (ts.isObjectLiteralExpression(node)) note(node, text, found);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  }
  return found;
}

function note({ properties }, text, found) {
  const fields = properties.filter((one) => one.name !== undefined);
  const names = fields.map((one) => one.name.getText());
  for (const field of fields) {
    const ranges = ts.getLeadingCommentRanges(text, field.getFullStart()) ?? [];
    const raw = ranges
      .map(({ pos, end }) => text.slice(pos, end))
      .findLast((one) => one.startsWith('/**'));
    if (raw === undefined) continue;
    const told = raw
      .slice(3, -2)
      .replaceAll(/\s*\n\s*\*\s?/g, ' ')
      .trim();
    const name = field.name.getText();
    found.set(keyOf(names, name), told);
  }
}

function keyOf(names, name) {
  return `${[...names].sort().join()}|${name}`;
}

/** The comment of this field in an object with exactly these fields: a like name elsewhere may mean something else. */
function describe(names, name) {
  return comments.get(keyOf(names, name)) ?? '';
}

function writePage() {
  const parts = schemas.map(({ name, text }) => {
    const schema = JSON.parse(text);
    // A connection and a summary in a line are as in the whole document.
    const rows = listFields(schema, '').filter(
      ({ path }) => name !== 'line' || !path.includes('.'),
    );
    return [
      `## ${schema.title}`,
      '',
      `[schemas/${name}.json](../schemas/${name}.json)`,
      '',
      '| field | type | |',
      '|---|---|---|',
      ...rows.map(({ path, type, told }) =>
        `| \`${path}\` | ${type} | ${told} |`.replaceAll('\n', ' '),
      ),
    ].join('\n');
  });
  return `# Documents and their fields

Made by \`npm run schemas\` from the types that the program checks itself by. \`[]\` stands for each item of a list, \`{}\` for each value
of a map; fields with a question mark may be left out. Later versions add fields and rename none.

${parts.join('\n\n')}
`;
}

/** @returns each field with its path, in the order of the schema; alternatives one after the other, each path once */
function listFields(schema, path) {
  const rows = new Map();
  const add = (row) => {
    if (!rows.has(row.path)) rows.set(row.path, row);
  };
  for (const variant of schema.anyOf ?? schema.oneOf ?? [schema]) {
    if (variant.type === 'array') listFields(variant.items ?? {}, `${path}[]`).forEach(add);
    const map = variant.additionalProperties;
    if (map && typeof map === 'object') listFields(map, `${path}{}`).forEach(add);
    const names = Object.keys(variant.properties ?? {});
    for (const [name, field] of Object.entries(variant.properties ?? {})) {
      const here = path === '' ? name : `${path}.${name}`;
      const optional = variant.required?.includes(name) ? '' : '?';
      add({ path: here + optional, type: nameType(field), told: escape(describe(names, name)) });
      listFields(field, here).forEach(add);
    }
  }
  return [...rows.values()];
}

function nameType(schema) {
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) return [...new Set(variants.map(nameType))].join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.type === 'array') {
    const item = nameType(schema.items ?? {});
    return item === 'object' ? 'list' : `list of ${item}`;
  }
  return [schema.type ?? 'anything'].flat().join(' or ');
}

function escape(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
