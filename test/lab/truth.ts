/** What became of one real connection, as take-rules.ts writes it down. */
import type { Prediction } from '../../src/model/explain.js';
import type { Outcome } from '../support/attempts.js';

export interface Truth extends Omit<Outcome, 'localPort'> {
  readonly vantage: Prediction['vantage'];
  readonly protocol: 'tcp' | 'udp';
  readonly from: string;
  readonly to: string;
  /** Whether docker-proxy held the other end of the client's connection, as ss shows it; null for UDP and failures. */
  readonly relayed: boolean | null;
}
