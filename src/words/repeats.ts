/** Checks whether a sentence already contains a text, so that the layout need not repeat it. */
export function repeats(sentence: string, text: string): boolean {
  return sentence.includes(text);
}
