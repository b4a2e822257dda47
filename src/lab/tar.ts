/** Writes a tar archive (POSIX ustar) with what an image needs: folders, files and symbolic links. */

export type TarEntry =
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'file'; path: string; mode: number; content: Uint8Array }
  | { kind: 'link'; path: string; target: string };

const BLOCK = 512;
const TYPES = { file: '0', link: '2', folder: '5' } as const;

/** Yields the archive in pieces. Paths are relative, at most 100 bytes (the format's `name` field). */
export function* writeTar(entries: Iterable<TarEntry>): Generator<Uint8Array> {
  for (const entry of entries) {
    const size = entry.kind === 'file' ? entry.content.length : 0;
    yield writeHeader(entry, size);
    if (entry.kind === 'file') {
      yield entry.content;
      yield new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
    }
  }
  yield new Uint8Array(2 * BLOCK);
}

function writeHeader(entry: TarEntry, size: number): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  putText(header, 0, 100, entry.path);
  putOctal(header, 100, 8, entry.kind === 'link' ? 0o777 : entry.mode);
  putOctal(header, 108, 8, 0); // owner
  putOctal(header, 116, 8, 0); // group
  putOctal(header, 124, 12, size);
  putOctal(header, 136, 12, 0); // a fixed time, so that equal content is an equal image
  header.fill(' ', 148, 156); // the checksum counts its own field as spaces
  header.write(TYPES[entry.kind], 156);
  if (entry.kind === 'link') putText(header, 157, 100, entry.target);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148);
  return header;
}

function putText(header: Buffer, offset: number, length: number, text: string): void {
  if (Buffer.byteLength(text) > length) throw new RangeError(`too long for a tar header: ${text}`);
  header.write(text, offset);
}

function putOctal(header: Buffer, offset: number, length: number, value: number): void {
  header.write(value.toString(8).padStart(length - 1, '0'), offset);
}
