/** Shows how far reading has come, on standard error: in place on a terminal, else as a line now and then. */
import type { LiveTerminal } from './present.js';

/** Milliseconds between two updates: on a terminal, and elsewhere. */
const OFTEN = 250;
const SELDOM = 2_000;

export class ReadProgress {
  readonly #terminal: LiveTerminal;
  readonly #packets: () => number;
  #bytes = 0;
  #told: number;
  #drawn = false;

  constructor(terminal: LiveTerminal, packets: () => number) {
    this.#terminal = terminal;
    this.#packets = packets;
    this.#told = performance.now();
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const now = performance.now();
    const { interactive } = this.#terminal;
    if (now - this.#told < (interactive ? OFTEN : SELDOM)) return;
    this.#told = now;
    const text = `read ${this.#packets()} packets, ${(this.#bytes / 1e6).toFixed(0)} MB`;
    if (interactive) this.#terminal.draw(`\r\u001b[K${text}`);
    else this.#terminal.err(`${text}\n`);
    this.#drawn = interactive;
  }

  end(): void {
    if (this.#drawn) this.#terminal.draw('\r\u001b[K');
  }
}
