/** Lists what a file of probes/ attaches to, and removes probes from its text. */

export interface ProbeFile {
  /** File name without folder, e.g. `hops-out.bt`. */
  readonly name: string;
  readonly text: string;
}

/** Tracepoints that a probe file attaches to, as `category:name`, in order and without repeats. */
export function tracepointsOf(file: ProbeFile): string[] {
  const names = [...file.text.matchAll(/^tracepoint:(\w+:\w+)/gm)].map((match) => match[1] ?? '');
  return [...new Set(names)];
}

/** Functions that a probe file sets kprobes on, in order and without repeats. */
export function functionsOf(file: ProbeFile): string[] {
  const names = [...file.text.matchAll(/^kprobe:(\w+)/gm)].map((match) => match[1] ?? '');
  return [...new Set(names)];
}

/** The file without its probes on `absent` functions; a block that has no other probes is removed. */
export function withoutFunctions(file: ProbeFile, absent: readonly string[]): ProbeFile {
  const text = file.text.replaceAll(
    /^((?:kprobe:\w+,?\n)+)\{\n[\s\S]*?^\}\n/gm,
    (block, heads: string) => {
      const points = heads.split(/,?\n/).filter(Boolean);
      const kept = points.filter((point) => !absent.includes(point.replace('kprobe:', '')));
      return kept.length === 0 ? '' : `${kept.join(',\n')}\n${block.slice(heads.length)}`;
    },
  );
  return { name: file.name, text };
}

/** The file without its probes on `absent` tracepoints, each of which has a block of its own. */
export function withoutTracepoints(file: ProbeFile, absent: readonly string[]): ProbeFile {
  const text = file.text.replaceAll(
    /^tracepoint:(\w+:\w+)\n(?:\/.*\n)?\{\n[\s\S]*?^\}\n/gm,
    (block, point: string) => (absent.includes(point) ? '' : block),
  );
  return { name: file.name, text };
}
