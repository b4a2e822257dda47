/** Locates folders of the installed package. */
import { fileURLToPath } from 'node:url';

/** The package's own folder: dist/src/app is three below it. */
const root = new URL('../../../', import.meta.url);

export const probesFolder = fileURLToPath(new URL('probes', root));

/** The program itself, for another process of it. */
export const programFile = fileURLToPath(new URL('bin/run.js', root));
