/** Converts predictions to the form that documents have. */
import type { Prediction } from '../../model/explain.js';
import type { Client, Forecast } from '../../model/forecast.js';
import { writeService } from '../deciding.js';
import { writePredictionReason } from './reasons.js';

export function writeForecast({ from, why, obstacles, ...told }: Forecast): Prediction {
  const { vantage, to, protocol, path, way, target, rule, service } = told;
  const { sourceSeen, byKnownRules } = told;
  const reason = writePredictionReason(why);
  return {
    vantage,
    from: nameClient(from),
    client: from.kind === 'container' ? from.name : null,
    to,
    protocol,
    path,
    way,
    target,
    rule,
    ...(service !== undefined && { service }),
    // If the connection ends elsewhere, the reason is about what stops it.
    why: service !== undefined && path === 'dnat' ? `${reason}${writeService(service)}` : reason,
    sourceSeen,
    obstacles: obstacles.map(writePredictionReason),
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
