/** The only error that is shown to users: what failed, the exit code, and what to do about it. */

/** 1 could not · 2 wrong usage · 3 no matching traffic · 4 `--expect` not met. */
export type ExitCode = 1 | 2 | 3 | 4;

export interface UserErrorDetails {
  /** Stable, for scripts and tests, such as `no-btf`. */
  code: string;
  exit: ExitCode;
  /** What the reader can do about it, as one sentence or a command. */
  remedy?: string | undefined;
  cause?: unknown;
}

/**
 * A failure with a known reason, thrown by any layer and printed in one place (`src/cli/command.ts`) as its message and
 * remedy. A broken environment or a wrong flag is one; malformed input is not (that is a returned diagnostic).
 */
export class UserError extends Error {
  readonly code: string;
  readonly exit: ExitCode;
  readonly remedy: string | undefined;

  constructor(message: string, details: UserErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'UserError';
    this.code = details.code;
    this.exit = details.exit;
    this.remedy = details.remedy;
  }
}
