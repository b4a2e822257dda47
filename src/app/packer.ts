/** Packs what is kept of connections for whoever looks at them later. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Packer } from '../prove/kept-connection.js';

export const PACKER: Packer = {
  // Copied: what zlib returns is a part of a larger piece of memory, which would stay with it.
  pack: (text) => new Uint8Array(deflateRawSync(text, { level: 1 })),
  unpack: (packed) => inflateRawSync(packed).toString(),
};
