/** Packs what is kept of connections for whoever looks at them later. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Packer } from '../prove/kept-connection.js';

export const PACKER: Packer = {
  pack: (text) => deflateRawSync(text, { level: 1 }),
  unpack: (packed) => inflateRawSync(packed).toString(),
};
