/** Joins the lines of each paragraph of help text into one line, which oclif wraps to the terminal. */

/** @param text paragraphs, with an empty line between two of them */
export function joinLines(text: string): string {
  return text.replaceAll(/(?<!\n)\n(?!\n)/g, ' ');
}
