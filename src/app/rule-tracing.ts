/** Runs rule tracing beside a trace: starts it if asked for, and ends it in every case. */
import type { RuleTraceEnd, RuleTracer } from '../capture/nftrace/rule-tracer.js';
import type { Target } from '../model/target.js';

export class RuleTracing {
  #tracer: RuleTracer | null = null;

  /** Throws UserError when rules cannot be traced here. */
  async start(netns: string, target: Target, warn: (text: string) => void): Promise<void> {
    const { startRuleTracer } = await import('../capture/nftrace/rule-tracer.js');
    const { resolveNamespace } = await import('../host/namespaces.js');
    const { ports, protocol } = target;
    const path = netns === 'self' ? null : resolveNamespace(netns).path;
    this.#tracer = await startRuleTracer({ ports, protocol, netns: path });
    warn(`until the trace ends, nftables has a table of its own here: inet ${this.#tracer.table}`);
  }

  /** Null when none was started. */
  async stop(): Promise<RuleTraceEnd | null> {
    return (await this.#tracer?.stop()) ?? null;
  }
}
