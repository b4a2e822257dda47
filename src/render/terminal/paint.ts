/** Paints terminal output by roles; without colour every role leaves its text as it is. */
import { Ansis } from 'ansis';

export type Role =
  | 'plain'
  | 'strong'
  | 'dim'
  | 'request'
  | 'reply'
  | 'relay'
  | 'process'
  | 'nat'
  | 'bad'
  | 'good'
  | 'unsure';

export type Paint = (role: Role, text: string) => string;

/** The width and the paint for a piece of output. */
export interface Sheet {
  readonly columns: number;
  readonly paint: Paint;
}

/** @param color whether to write ANSI colours; never looks at the environment. */
export function createPaint(color: boolean): Paint {
  const ansis = new Ansis(color ? 2 : 0);
  const styles: Record<Role, (text: string) => string> = {
    plain: (text) => text,
    strong: (text) => ansis.bold(text),
    dim: (text) => ansis.dim(text),
    request: (text) => ansis.cyan(text),
    reply: (text) => ansis.green(text),
    relay: (text) => ansis.yellow(text),
    process: (text) => ansis.yellow(text),
    nat: (text) => ansis.magenta(text),
    bad: (text) => ansis.red(text),
    good: (text) => ansis.green(text),
    unsure: (text) => ansis.yellow(text),
  };
  return (role, text) => (text === '' ? '' : styles[role](text));
}
