/** Picks from the kernel's types those that a program uses, so that bpftrace need not read all of them several times. */
import { readFile } from 'node:fs/promises';
import { Btf } from './btf.js';
import { trimTypes, type WantedTypes } from './trim.js';

const FOLDER = '/sys/kernel/btf';

/** All types of the kernel; null where it does not describe them in a form that is known. */
export async function readKernelTypes(folder = FOLDER): Promise<Btf | null> {
  try {
    const [kernel, module] = await Promise.all([
      readFile(`${folder}/vmlinux`),
      // Only there where connection tracking is a module.
      readFile(`${folder}/nf_conntrack`).catch(() => null),
    ]);
    return new Btf(kernel, module);
  } catch {
    return null;
  }
}

/** The types of one program; null where they are not described in a form that is known. */
export function pickTypes(types: Btf, program: string): Buffer | null {
  try {
    return trimTypes(types, findWanted(program));
  } catch {
    return null;
  }
}

/** The names in a program that may be those of structs and of their members. */
export function findWanted(program: string): WantedTypes {
  const structs = [...program.matchAll(/\b(?:struct|union) (\w+)/g)].map(([, name = '']) => name);
  const members = [...program.matchAll(/(?:->|\.)([a-zA-Z_]\w*)/g)].map(([, name = '']) => name);
  return { structs: new Set(structs), members: new Set(members) };
}
