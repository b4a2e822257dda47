/** Predictions as documents give them. */
import type { Prediction } from '../../model/explain.js';
import type { Client, Forecast } from '../../model/forecast.js';
import { writeReason } from './reasons.js';

export function writeForecast({ from, why, obstacles, ...told }: Forecast): Prediction {
  const { vantage, to, protocol, path, way, target, rule, sourceSeen, byKnownRules } = told;
  return {
    vantage,
    from: nameClient(from),
    to,
    protocol,
    path,
    way,
    target,
    rule,
    why: writeReason(why),
    sourceSeen,
    obstacles: obstacles.map(writeReason),
    ...(byKnownRules && { byKnownRules }),
  };
}

/** Who connects, as `explain` names it. */
export function nameClient(client: Client): string {
  switch (client.kind) {
    case 'outside':
    case 'host':
      return client.kind;
    case 'container':
      return `container ${client.name}`;
    case 'imagined-container':
      return `a container on ${client.bridge}`;
  }
}
