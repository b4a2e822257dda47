/** Text of the help, written over several lines: each paragraph becomes one line, which oclif wraps to the terminal. */

/** @param text paragraphs, with an empty line between two of them */
export function joinLines(text: string): string {
  return text.replaceAll(/(?<!\n)\n(?!\n)/g, ' ');
}
