/** Says what firewalls and bans do to published ports. */
import type { Firewall, FirewallFault } from '../../model/fault.js';
import type { Writers } from '../writers.js';
import type { FaultWords } from './engine.js';

export const FIREWALL_FAULTS: Writers<FirewallFault, FaultWords> = {
  'firewall-drop': ({ owner, vantage, to, about: { rule } }) => ({
    evidence: `"${rule}" stops what goes to ${to} (${vantage})`,
    remedy: OPENING[owner],
  }),
  'inside-container': ({ vantage, to, about: { container, rule } }) => ({
    evidence: `inside ${container}, "${rule}" stops what goes to ${to} (${vantage})`,
    remedy:
      "it is a rule in the container's own namespace: look there (nsenter -n -t PID nft list ruleset), and accept the port where the rule was made",
  }),
  'source-masqueraded': ({ to, seen, firewall, about: { rule } }) => ({
    evidence: `"${rule}" gives clients from outside who dial ${to} another source: the container sees ${seen} instead of their address`,
    remedy:
      firewall === 'firewalld'
        ? 'take masquerading off the zone that the bridge is in: firewall-cmd --zone=ZONE --remove-masquerade'
        : 'let the rule name the device that leads out (-o DEVICE, oifname DEVICE), so that what goes to a bridge of containers keeps its source',
  }),
  'firewall-bypassed': ({ firewall, ports, about: { rule } }) => ({
    evidence: `${firewall} is loaded, and "${rule}" stops what comes for the host itself; what is published on ${listPorts(ports)} passes FORWARD and does not meet it`,
    remedy: INCLUDING[firewall],
  }),
  'bans-bypassed': ({ chain, ports, about: { rule } }) => ({
    evidence: `"${rule}" in chain ${chain} bans for ${listPorts(ports)}, but what is published there passes FORWARD and never meets it: who is banned still gets in`,
    remedy:
      "let fail2ban ban in DOCKER-USER (chain = DOCKER-USER in the jail; ports are the container's there, as DNAT has been done), or in a chain of nftables at hook prerouting",
  }),
};

/** How to open a published port, by the program that made the rule that stops it. */
const OPENING = {
  ufw: "it is a rule of ufw: let what is forwarded to the container pass (ufw route allow proto tcp from any to any port PORT, with the container's port)",
  firewalld:
    'it is a rule of firewalld: put the bridge into a zone or policy that accepts it (firewall-cmd --zone=docker --add-interface=BRIDGE), and restart the engine where its rules were flushed',
  policy:
    'a rule that accepts it is missing: restart the engine if its rules were flushed, or accept it in the chain DOCKER-USER',
  other:
    'it is no rule of the engine: change it where it was made (ufw, firewalld, a script), or accept the traffic before it',
};

/** How to make each firewall apply to published ports. */
const INCLUDING: Readonly<Record<Firewall, string>> = {
  ufw: "let what is forwarded meet it: rules in /etc/ufw/after.rules by which DOCKER-USER jumps to ufw-user-forward and then drops new connections to the containers' networks (as ufw-docker does), and ufw route allow for the container's ports that may be reached; or publish on an address that only those reach who may",
  firewalld:
    'set StrictForwardPorts=yes in /etc/firewalld/firewalld.conf (firewalld 2.3 and later), drop it in the chain DOCKER-USER, or publish on an address that only those reach who may',
};

function listPorts(ports: readonly number[]): string {
  return `${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`;
}
