/** Reads words without a flag as ports or names of containers. */

/** `6379` stands for `--port 6379`, `redis` for `--container redis`; a number that is no port is a name. */
export function splitTargets(
  words: readonly string[],
  flags: {
    readonly port?: readonly number[] | undefined;
    readonly container?: readonly string[] | undefined;
  },
): { ports: number[]; containers: string[] } {
  const isPort = (word: string): boolean => /^\d{1,5}$/.test(word) && isInRange(Number(word));
  return {
    ports: [...(flags.port ?? []), ...words.filter(isPort).map(Number)],
    containers: [...(flags.container ?? []), ...words.filter((word) => !isPort(word))],
  };
}

function isInRange(number: number): boolean {
  return number >= 1 && number <= 65_535;
}
