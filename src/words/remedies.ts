/** What to do about a failure, where no finding about the host's rules says it better. */
import { formatEndpoint } from '../model/address.js';
import type { Failure, Headline } from '../model/headline.js';

/** Null where nothing is known that helps. */
export function writeRemedy(failure: Failure): Headline['fix'] {
  const { outcome, cause, by, path, rule, target, halfOpen, protocol, dialled } = failure;
  const name = target?.name ?? null;
  switch (cause) {
    case 'filtered':
    case 'rejected':
      return rule === null
        ? {
            code: 'find-rule',
            remedy: `find the rule: trace-flow explain${dialled === null ? '' : ` --port ${dialled}`}, or trace again with --trace-rules`,
          }
        : {
            code: 'firewall-drop',
            remedy:
              'change that rule where it was made, or accept the traffic before it (for containers: in the chain DOCKER-USER)',
          };
    case 'no-neighbour':
      return {
        code: 'no-neighbour',
        remedy: 'look whether the next machine on the way is there: ip neigh show, ip route get',
      };
    case 'too-big':
      return {
        code: 'too-big',
        remedy:
          'lower the MTU of the network that the container is in, or let ICMP "fragmentation needed" through',
      };
    case 'not-listening':
      return tellSilentPort(failure);
    case 'closed':
    case null:
      break;
  }
  if (halfOpen) {
    return {
      code: 'half-open',
      remedy: 'look at the way back to the client: ip route get CLIENT, and rules on the way there',
    };
  }
  if (outcome === 'stalled') {
    return {
      code: 'stalled',
      remedy: 'try smaller packets (ping -M do -s SIZE): an MTU on the way may be too small',
    };
  }
  const ended = outcome === 'reset' || outcome === 'refused';
  if ((ended && by === 'server') || (outcome === 'unanswered' && protocol === 'tcp')) {
    return name === null || path === 'host'
      ? null
      : { code: 'look-inside', remedy: `look what the server says: docker logs ${name}` };
  }
  return null;
}

/** What helps where the port is published, and the host refuses at the address that was dialled; null for all else. */
export function writePublishing(
  { cause, by, path, target }: Failure,
  unpublished: Headline['unpublished'],
): Headline['fix'] {
  const refused = cause === 'not-listening' && by === 'host' && path === 'host';
  const here = unpublished?.published.filter(({ port }) => port === unpublished.port) ?? [];
  if (!refused || here.length === 0 || target === null) return null;
  const dialled = target.address;
  const any = dialled.includes(':') ? '::' : '0.0.0.0';
  const covering = here.find(({ address }) => address === dialled || address === any);
  if (covering) {
    const container = covering.container ?? 'the container';
    return {
      code: 'no-relay',
      remedy: `look whether docker-proxy of ${container} still listens there (ss -ltnp), or restart it (docker restart ${container})`,
    };
  }
  return {
    code: 'published-elsewhere',
    remedy: `dial an address that it is published on, or publish it on ${any} (docker run -p ${formatEndpoint({ address: any, port: target.port })}:PORT)`,
  };
}

function tellSilentPort({ target, by, path }: Failure): Headline['fix'] {
  const name = target?.name ?? null;
  if (by === 'host' && (path === 'host' || path === 'unknown')) {
    return {
      code: 'publish',
      remedy: 'publish the port (docker run -p), or start what should listen there',
    };
  }
  if (name === null || target === null) {
    return { code: 'nothing-listens', remedy: 'start what should listen there' };
  }
  return {
    code: 'nothing-listens',
    remedy: `look why nothing listens on ${target.port} in it (docker logs ${name}), or publish the port that it listens on`,
  };
}
