/** Compares versions of bpftrace. */

/**
 * @param version what `bpftrace --version` prints
 * @returns whether it is that release or a later one; false for a text without a version
 */
export function isSince(version: string, [one, two]: readonly [number, number]): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > one || (Number(major) === one && Number(minor) >= two);
}
