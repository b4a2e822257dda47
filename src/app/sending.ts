/** Sends connections for `--otlp`: each when it is over, the others at the end, and reports what did not arrive. */
import type { Connection, Report } from '../model/report.js';
import type { Selection } from '../model/selection.js';
import { withFields } from '../prove/outlined-connection.js';
import type { SpanCoverage } from '../render/otlp/spans.js';
import type { OtlpSink } from './otlp/sink.js';
import { passes } from './selection.js';

export interface SendingOptions {
  readonly url: string;
  readonly program: string;
  readonly live: boolean;
  /** Distinguishes this run from others on the host. */
  readonly subject: string;
  readonly anonymize: boolean;
  /** Which connections have spans; metrics count all. */
  readonly show: Selection;
  readonly warn: (text: string) => void;
}

export class Sending {
  readonly #sink: OtlpSink;
  readonly #receiver: string;
  readonly #show: Selection;
  #lost = 0;
  #told = 0;

  private constructor(sink: OtlpSink, receiver: string, show: Selection) {
    this.#sink = sink;
    this.#receiver = receiver;
    this.#show = show;
  }

  /** @throws UserError when nothing can be sent there */
  static async open(options: SendingOptions): Promise<Sending> {
    const { openSink } = await import('./otlp/open.js');
    const { tellChange } = await import('./otlp/told.js');
    const { url, live, subject, anonymize, show, program, warn } = options;
    const version = program.replace(/^trace-flow /, '');
    const { sink, endpoint } = openSink({
      url,
      version,
      live,
      subject,
      anonymize,
      onChange: (signal, trouble) => warn(tellChange(signal, trouble, endpoint.shown)),
    });
    return new Sending(sink, endpoint.shown, show);
  }

  /** Sends a connection while the trace runs. Losses that are found later no longer count for it. */
  over(connection: Connection): void {
    this.#add(connection, { state: 'open', lostEvents: this.#lost });
  }

  lost(total: number): void {
    this.#lost = total;
    this.#sink.noteLost(total);
  }

  /** Sends the other connections, with the coverage of the whole trace. Waits for room, which delays nothing now. */
  async addRest(connections: readonly Connection[], coverage: Report['coverage']): Promise<void> {
    const { sealed, lostEvents } = coverage;
    this.#sink.noteLost(lostEvents);
    for (const connection of connections) {
      this.#add(connection, { state: sealed ? 'sealed' : 'unsealed', lostEvents });
      await this.#sink.room();
    }
  }

  /** @returns whether all arrived */
  async close(err: (text: string) => void): Promise<boolean> {
    const { tellSent } = await import('./otlp/told.js');
    const { lines, complete } = tellSent(await this.#sink.close(), this.#receiver);
    for (const line of lines) err(`${line}\n`);
    return complete;
  }

  #add(connection: Connection, coverage: SpanCoverage): void {
    this.#told += 1;
    this.#sink.count(connection);
    const { path, outcome } = connection;
    if (!passes({ path, outcome, id: this.#told }, this.#show)) return;
    this.#sink.offer(withFields(connection), coverage);
  }
}
