// Exits 0 when node_modules holds just what package-lock.json asks for, so that `npm ci` need not start over.

import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(new URL(path, root), 'utf8')).packages;
  } catch {
    return {};
  }
}

const wanted = Object.entries(readPackages('package-lock.json')).filter(([path]) => path !== '');
const installed = readPackages('node_modules/.package-lock.json'); // npm's own record
const matches = wanted.every(([path, { integrity, optional }]) =>
  path in installed ? installed[path].integrity === integrity : optional === true,
);
process.exit(matches ? 0 : 1);
