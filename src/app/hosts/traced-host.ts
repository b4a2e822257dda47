/** One host of several that are traced at the same time: started, live, over. */
import { writeHostCommand, writeLogin } from '../../capture/ssh/command.js';
import { describeCut, explainStart, isOrderly, type HostEnd } from '../../capture/ssh/failure.js';
import { HostStream } from '../../capture/ssh/host-stream.js';
import { HeaderReader } from '../../capture/recording.js';
import { UserError } from '../../model/errors.js';
import type { RemoteHost } from '../../model/remote-host.js';
import type { TraceHeader } from '../../model/trace.js';
import { programFile } from '../places.js';

export interface HostOptions {
  /** Its name in the report. */
  readonly name: string;
  readonly host: RemoteHost;
  /** The trace-flow there. */
  readonly program: string;
  readonly sshConfig: string | undefined;
  /** Its arguments. */
  readonly parameters: readonly string[];
  readonly warn: (text: string) => void;
}

export class TracedHost {
  readonly name: string;
  readonly stream: HostStream;
  readonly #options: HostOptions;
  /** How its trace ended; null while it runs. */
  end: HostEnd | null = null;

  /** Starts its trace. */
  constructor(options: HostOptions) {
    const { name, host, program, sshConfig, parameters, warn } = options;
    const { login } = host;
    const own = login === null ? [process.execPath, programFile] : [program];
    this.name = name;
    this.#options = options;
    this.stream = new HostStream({
      command: writeHostCommand({ login, sshConfig, command: [...own, ...parameters] }),
      onWarning: (text) => warn(`${name}: ${text}`),
    });
    void this.stream.ended.then((end) => (this.end = end));
  }

  /**
   * Waits until its probes are live and sealed.
   * @throws UserError when that fails
   */
  async header(): Promise<TraceHeader> {
    const line = await this.stream.firstLine();
    if (line === null) throw this.#explain(await this.stream.ended);
    const reader = new HeaderReader(this.name);
    try {
      reader.read(line);
    } catch (cause) {
      throw new UserError(`${this.name} cannot be traced: its trace-flow is of another version`, {
        code: 'host-version',
        exit: 1,
        remedy: 'install the same version on all machines (trace-flow --version)',
        cause,
      });
    }
    return reader.end();
  }

  /** Why its trace is not whole: a part of a sentence; null while it runs, and when it was ended in order. */
  cut(): string | null {
    if (this.end === null || isOrderly(this.end)) return null;
    return describeCut(this.end, this.#options.host.login === null);
  }

  #explain(end: HostEnd): UserError {
    const { host, name, program, sshConfig } = this.#options;
    const login = host.login === null ? 'sudo' : writeLogin(host.login, sshConfig);
    return explainStart({ host: { ...host, name }, program, login }, end);
  }
}
