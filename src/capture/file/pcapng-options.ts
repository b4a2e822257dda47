/** The options at the end of a pcapng block. Damaged ones end the list; a length of 0 is a step all the same. */

/** Codes and values in order, one at a time: a block may have a million. The values are views of `bytes`. */
export function* readOptions(bytes: Buffer, little: boolean): Generator<readonly [number, Buffer]> {
  let at = 0;
  while (at + 4 <= bytes.length) {
    const code = little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
    const length = little ? bytes.readUInt16LE(at + 2) : bytes.readUInt16BE(at + 2);
    if (code === 0 || at + 4 + length > bytes.length) break;
    yield [code, bytes.subarray(at + 4, at + 4 + length)];
    at += 4 + Math.ceil(length / 4) * 4;
  }
}
