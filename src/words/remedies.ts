/** Says what to do about a failure, when no finding about the host's rules says it better. */
import { formatEndpoint } from '../model/address.js';
import type { Failure, Headline } from '../model/headline.js';
import type { Runtime } from '../model/runtime.js';
import { writeCommand, writeLogs, writeLogsHint } from './runtimes.js';

/** Null when no remedy is known. */
export function writeRemedy(failure: Failure): Headline['fix'] {
  const { outcome, cause, by, path, rule, chain, target, halfOpen, protocol, dialled } = failure;
  const name = target?.name ?? null;
  switch (cause) {
    case 'filtered':
    case 'rejected':
      return rule === null
        ? {
            code: 'find-rule',
            remedy: `find the rule: trace-flow explain${dialled === null ? '' : ` --port ${dialled}`}, or trace again with --trace-rules`,
          }
        : tellRule(chain);
    case 'no-neighbour':
      if (path === 'direct' && name !== null) {
        return {
          code: 'no-neighbour',
          remedy: `check how ${name} is attached${after(writeCommand(`inspect ${name}`, target ?? {}))}; a macvlan or ipvlan container is not reached from its own host, which needs a macvlan of its own on the same device`,
        };
      }
      return {
        code: 'no-neighbour',
        remedy: 'check that the next machine on the way is there: ip neigh show, ip route get',
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
      remedy: 'check the way back to the client: ip route get CLIENT, and the rules on that way',
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
      : { code: 'look-inside', remedy: writeLookInside(failure, name) };
  }
  return null;
}

/** Docker's chains that isolate networks; their rules are not somebody's mistake. */
const BETWEEN_NETWORKS = /^DOCKER-ISOLATION-STAGE-[12]$/;

function tellRule(chain: string | null): NonNullable<Headline['fix']> {
  if (chain !== null && BETWEEN_NETWORKS.test(chain)) {
    return {
      code: 'separate-networks',
      remedy:
        'Docker keeps its networks apart: put both containers into one (docker network connect NETWORK CONTAINER), or publish the port and dial that',
    };
  }
  return {
    code: 'firewall-drop',
    remedy:
      'change that rule where it was made, or accept the traffic before it, in the same chain or one that leads there',
  };
}

function writeLookInside({ reached, outcome, target }: Failure, name: string): string {
  const runtime: Runtime = target ?? {};
  if (outcome === 'unanswered' && reached === 'SYN') {
    return `the kernel answers a SYN, not the server: check the routes, rules and accept queues inside ${name} (${writeEnter(name, runtime)}ip route, nft list ruleset, ss -ltn)`;
  }
  const logs = writeLogs(name, runtime);
  if (reached !== 'handshake') return `read what the server says${after(logs)}`;
  const { engine = 'docker' } = runtime;
  const list = writeCommand('ps', { engine });
  const both = [list, logs].filter((one) => one !== null);
  return `check what the process does, and whether it is paused${after(both.join(', ') || null)}`;
}

/** How to get into its network namespace; empty where no command tells its pid. */
function writeEnter(name: string, { engine = 'docker' }: Runtime): string {
  return engine === 'docker' || engine === 'podman'
    ? `nsenter -n -t $(${engine} inspect -f '{{.State.Pid}}' ${name}), and there: `
    : '';
}

/** The command after a colon; nothing without one. */
function after(command: string | null): string {
  return command === null ? '' : `: ${command}`;
}

/** The remedy when the port is published, but the host refuses at the dialled address; null in all other cases. */
export function writePublishing(
  { cause, by, path, target }: Failure,
  unpublished: Headline['unpublished'],
): Headline['fix'] {
  const refused = cause === 'not-listening' && by === 'host' && path === 'host';
  const here = unpublished?.published.filter(({ port }) => port === unpublished.port) ?? [];
  if (!refused || here.length === 0 || target === null) return null;
  const dialled = target.address;
  const any = dialled.includes(':') ? '::' : '0.0.0.0';
  const inside = here[0]?.inside ?? 'PORT';
  const covering = here.find(({ address }) => address === dialled || address === any);
  if (covering) {
    const container = covering.container ?? 'the container';
    return {
      code: 'no-relay',
      remedy: `check that docker-proxy of ${container} still listens there (ss -ltnp), or restart it (docker restart ${container})`,
    };
  }
  return {
    code: 'published-elsewhere',
    remedy: `dial an address that it is published on, or publish it on ${any} (run it with -p ${formatEndpoint({ address: any, port: target.port })}:${inside})`,
  };
}

function tellSilentPort({ target, by, path }: Failure): Headline['fix'] {
  const name = target?.name ?? null;
  if (by === 'host' && (path === 'host' || path === 'unknown')) {
    return {
      code: 'publish',
      remedy: 'publish the port (run it with -p), or start what should listen there',
    };
  }
  if (name === null || target === null) {
    return { code: 'nothing-listens', remedy: 'start what should listen there' };
  }
  return {
    code: 'nothing-listens',
    remedy: `find out why nothing listens on ${target.port} there${writeLogsHint(name, target)}, or publish the port that it listens on`,
  };
}
