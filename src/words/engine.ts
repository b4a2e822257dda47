/** Says why an engine is assumed to use docker-proxy or not. */
import { formatEndpoint } from '../model/address.js';
import type { ProxyReason } from '../model/explain.js';

export function writeProxyReason(reason: ProxyReason): string {
  switch (reason.code) {
    case 'relay-runs': {
      const { command, pid, listens } = reason;
      return `${command} (pid ${pid}) runs and listens on ${formatEndpoint(listens)}`;
    }
    case 'loopback-spared':
      return `the rule "${reason.rule}" leaves 127.0.0.0/8 to docker-proxy`;
    case 'loopback-translated':
      return `the rule "${reason.rule}" translates 127.0.0.0/8 too, which is done where there is no docker-proxy`;
    case 'no-output-rule':
      return 'no rule for OUTPUT tells';
    case 'nothing-found':
      return 'no rule of Docker and no docker-proxy was found';
  }
}
