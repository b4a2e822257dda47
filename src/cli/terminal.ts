// The program's own streams: what may be drawn on them, and the signals that end a trace.

export interface OwnTerminal {
  /** Columns of standard output, 80 when it is no terminal. */
  readonly columns: number;
  readonly color: boolean;
  /** Whether standard error is a terminal that progress can be drawn on. */
  readonly interactive: boolean;
  /** What standard error has room for at this moment, and whether it takes colour. */
  screen(): { readonly columns: number; readonly rows: number; readonly color: boolean };
  out(text: string): void;
  err(text: string): void;
  /** Waits until all output is on its way: a pipe takes 64 KiB at a time, and what waits is lost at the exit. */
  flush(): Promise<void>;
  /** The first Ctrl-C (or SIGTERM, SIGHUP) fires the signal; the second ends the program at once. */
  onInterrupt(first: () => void): void;
}

export function createTerminal(): OwnTerminal {
  const { stdout, stderr, env } = process;
  const takesColor = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const color = stdout.isTTY && takesColor;
  // A reader that has seen enough (| head) is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    columns: stdout.isTTY ? Math.max(40, stdout.columns) : 80,
    color,
    interactive: stderr.isTTY,
    screen: () => ({ columns: stderr.columns, rows: stderr.rows, color: takesColor }),
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    flush: () => new Promise((resolve) => stdout.write('', () => resolve())),
    onInterrupt: (first) => {
      let seen = 0;
      const handle = (): void => {
        seen += 1;
        if (seen > 1) process.exit(1);
        first();
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
    },
  };
}
