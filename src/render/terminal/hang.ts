/** Wraps text behind a lead on its first line; later lines are indented to match. */
import { widthOf, wrap } from '../text.js';
import type { Role, Sheet } from './paint.js';

/** Roles in which the lead's word and each line of the text are painted. */
export interface Look {
  readonly lead?: Role;
  readonly text?: Role;
}

export function hang(lead: string, text: string, sheet: Sheet, look: Look = {}): string[] {
  const { columns, paint } = sheet;
  const indent = ' '.repeat(widthOf(lead));
  const word = lead.trim();
  const painted = look.lead ? lead.replace(word, () => paint(look.lead ?? 'plain', word)) : lead;
  return wrap(text, columns - indent.length).map(
    (line, i) => (i === 0 ? painted : indent) + paint(look.text ?? 'plain', line),
  );
}
