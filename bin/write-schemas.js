// Writes schemas/*.json, which the package carries: `npm run schemas`, after the types of a document have changed.

import { mkdirSync, writeFileSync } from 'node:fs';
import { listSchemas } from '../dist/src/model/documents.js';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const { name, text } of listSchemas()) writeFileSync(new URL(`${name}.json`, folder), text);
