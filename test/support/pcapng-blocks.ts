/** Blocks of pcapng files, written byte by byte in either byte order. */

export function block(type: number, body: Buffer, big = false): Buffer {
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const frame = Buffer.alloc(8);
  const end = Buffer.alloc(4);
  const put = (buffer: Buffer, value: number, at: number): number =>
    big ? buffer.writeUInt32BE(value, at) : buffer.writeUInt32LE(value, at);
  put(frame, type, 0);
  put(frame, padded.length + 12, 4);
  put(end, padded.length + 12, 0);
  return Buffer.concat([frame, padded, end]);
}

export const numbers = (big: boolean, ...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, i) =>
    big ? out.writeUInt32BE(value, i * 4) : out.writeUInt32LE(value, i * 4),
  );
  return out;
};
export const section = (big: boolean): Buffer => {
  const version = big ? 0x00010000 : 0x00000001;
  return block(0x0a0d0d0a, numbers(big, 0x1a2b3c4d, version, 0xffffffff, 0xffffffff), big);
};
export const device = (big: boolean, link: number, options = Buffer.alloc(0)): Buffer =>
  block(1, Buffer.concat([numbers(big, big ? link << 16 : link, 0), options]), big);
