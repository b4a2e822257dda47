/** Says in words what of the data sent by OTLP has arrived. */
import type { DeliveryCounts, Trouble } from './delivery.js';
import type { Sent, Signal } from './sink.js';

export interface Told {
  /** For standard error, one line each. */
  readonly lines: readonly string[];
  /** Whether all of it arrived. */
  readonly complete: boolean;
}

/** @param receiver the receiver's address, in a form that may be shown */
export function tellSent({ spans, metrics, trouble }: Sent, receiver: string): Told {
  const sent: string[] = [];
  const errors: string[] = [];
  const notes: string[] = [];
  if (spans) {
    const { taken, offered, untimed } = spans;
    if (taken.spans === offered.spans) {
      sent.push(`${count(taken.connections, 'connection')} (${count(taken.spans, 'span')})`);
    } else errors.push(tellLoss(spans, trouble, receiver));
    if (untimed > 0) notes.push(`${count(untimed, 'connection')} without a time have no span`);
  }
  if (metrics) {
    const refused =
      metrics.refused > 0 ? `it refused ${count(metrics.refused, 'data point')}` : null;
    const why = metrics.trouble ?? refused;
    if (why === null) sent.push('metrics');
    else errors.push(`the last metrics did not reach ${receiver}: ${why}`);
  }
  return {
    lines: [
      ...(sent.length > 0 ? [`sent ${sent.join(' and ')} to ${receiver}`] : []),
      ...notes,
      ...errors.map((error) => `Error: ${error}`),
      ...(errors.length > 0
        ? ['Remedy: see that a receiver runs there and takes OTLP over HTTP']
        : []),
    ],
    complete: errors.length === 0,
  };
}

/** The message for a change while the trace runs. */
export function tellChange(signal: Signal, trouble: Trouble, receiver: string): string {
  return trouble === null
    ? `${receiver} takes ${signal} again`
    : `${receiver} takes no ${signal}: ${trouble}; what finds no room meanwhile is dropped and counted`;
}

function tellLoss(counts: DeliveryCounts, trouble: Trouble, receiver: string): string {
  const { offered, taken, dropped, failed, refused, untimed } = counts;
  const connections = offered.connections - untimed;
  const pending = offered.spans - taken.spans - dropped.spans - failed.spans - refused;
  const parts = [
    ...(dropped.spans > 0 ? [`${dropped.spans} did not fit the queue`] : []),
    ...(failed.spans > 0 ? [`${failed.spans} could not be sent`] : []),
    ...(refused > 0 ? [`${refused} were refused`] : []),
    ...(pending > 0 ? [`${pending} were not answered for`] : []),
  ];
  const upTo = refused > 0 ? 'up to ' : '';
  return (
    `${upTo}${connections - taken.connections} of ${count(connections, 'connection')} did not reach ${receiver}: ` +
    `of ${count(offered.spans, 'span')} ${parts.join(', ')}${trouble === null ? '' : ` (${trouble})`}`
  );
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
