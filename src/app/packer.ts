/** Compresses the connections that are kept for later use. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Packer } from '../prove/packed-texts.js';

export const PACKER: Packer = {
  // Copied, because zlib returns a view of a larger buffer, which would stay in memory.
  pack: (text) => new Uint8Array(deflateRawSync(text, { level: 1 })),
  unpack: (packed) => inflateRawSync(packed).toString(),
};
