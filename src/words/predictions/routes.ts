/** Writes reasons that lie in routes and the settings of routing. */
import type { RouteReason, WayBack } from '../../model/route-reason.js';
import type { ReasonWriters } from './writer.js';

export const ROUTES: ReasonWriters<RouteReason> = {
  'no-route': ({ to }) => `no route leads to ${to}`,
  'route-refuses': ({ route, to }) => `the route "${route}" stops what goes to ${to}`,
  'routing-rule-refuses': ({ rule, to }) => `the routing rule "${rule}" stops what goes to ${to}`,
  'route-without-device': ({ to }) => `the route to ${to} names no device`,
  'odd-route': ({ to, type }) =>
    `the route to ${to} is of type ${type}, which is not followed here`,
  'no-carrier': ({ device, to }) => `${device}, by which the route to ${to} leads, has no carrier`,
  'own-source': ({ device, from }) =>
    `it comes in on ${device} with ${nameSource(from)}, an address of this host, as its source`,
  'odd-source': ({ device, from, back }) =>
    `it comes in on ${device} from ${nameSource(from)}, which no client can have: ${writeBack(back)}`,
  'reverse-path': ({ device, from, mode, back }) =>
    `it comes in on ${device}, but ${writeBack(back)} to ${nameSource(from)}, and ${writeFilter(device, mode)}`,
  'reverse-path-elsewhere': ({ device, from, mode }) =>
    `${writeFilter(device, mode)}, and the way back to ${nameSource(from)} does not lead by ${device}`,
  'loopback-barred': ({ device, end }) =>
    `a packet ${end} 127.0.0.0/8 may not come in on ${device}: route_localnet is 0`,
  'setting-unknown': ({ setting, device }) =>
    `it depends on ${setting}${device === null ? '' : ` of ${device}`}, which is not known`,
  'not-forwarded': ({ to, setting, known }) =>
    `it would have to be forwarded to ${to ?? 'its target'}, and ${setting} is ${known ? '0' : 'not known'}`,
  'forwarding-off': ({ setting, of }) =>
    `${setting} is 0: ${of === 'device' ? 'nothing that comes in there is forwarded' : 'this host forwards nothing'}`,
};

function nameSource(from: string | null): string {
  return from ?? 'its source';
}

function writeFilter(device: string, mode: 1 | 2): string {
  return `rp_filter of ${device} is ${mode} (${mode === 1 ? 'strict' : 'loose'})`;
}

function writeBack(back: WayBack): string {
  switch (back.kind) {
    case 'none':
      return 'no route leads back';
    case 'refused':
      return `the route "${back.route}" is the way back`;
    case 'ruled-out':
      return `the routing rule "${back.rule}" stops the way back`;
    case 'leads':
      return `the route "${back.route}" leads back`;
  }
}
