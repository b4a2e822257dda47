/** Whether a sentence quotes a text already, so that it is not said again beside it. It decides about layout, and no more. */
export function repeats(sentence: string, text: string): boolean {
  return sentence.includes(text);
}
