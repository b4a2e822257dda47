/** Pods as bare namespaces on a bridge, behind the rules that kube-proxy writes in its two modes; no engine and no cluster. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Truth } from '../../matrix/scenario.js';
import type { Engine, Prepared, Vantage } from '../engine.js';
import type { EngineHost, From } from '../host.js';
import { IMAGE_FILE, writeImage } from '../image.js';
import { awaitListener } from '../servers.js';

const MODES = ['iptables', 'nftables'] as const;
type Mode = (typeof MODES)[number];

/** What kube-proxy writes for the Services below; the node is 198.51.100.1, and pods are in 10.244.0.0/16. */
const RULES = {
  iptables: 'kube-proxy-whole.iptables',
  nftables: 'kube-proxy-whole.nft',
} as const;

const PODS = [
  { name: 'web', address: '10.244.0.5', port: 8080 },
  { name: 'local', address: '10.244.0.6', port: 8081 },
  { name: 'api', address: '10.244.0.7', port: 8443 },
] as const;

async function readRules(mode: Mode): Promise<string> {
  const file = new URL(`../../../../test/rules/fixtures/${RULES[mode]}`, import.meta.url);
  return readFile(fileURLToPath(file), 'utf8');
}

async function addPod(host: EngineHost, { name, address }: (typeof PODS)[number]): Promise<void> {
  await host.shell(`
    ip netns add ${name}
    ip -n ${name} link set lo up
    ip link add veth-${name} type veth peer name eth0 netns ${name}
    ip link set veth-${name} master cni0 up
    ip -n ${name} addr add ${address}/24 dev eth0
    ip -n ${name} link set eth0 up
    ip -n ${name} route add default via 10.244.0.1`);
}

async function prepare(host: EngineHost, mode: Mode): Promise<Prepared> {
  await writeImage(host);
  await host.shell(`
    mkdir -p /image && tar -C /image -xf ${IMAGE_FILE}
    ip link add cni0 type bridge
    ip addr add 10.244.0.1/24 dev cni0
    ip link set cni0 up
    ip route add default via ${host.client.ipv4}
    sysctl -qw net.bridge.bridge-nf-call-iptables=1`);
  for (const pod of PODS) {
    await addPod(host, pod);
    const server = ['redis-server', '--port', String(pod.port), '--protected-mode', 'no'];
    const inside = ['nsenter', `--net=/run/netns/${pod.name}`, '--', 'chroot', '/image'];
    host.start(pod.name, [...inside, ...server]);
    await awaitListener(host, { netns: host.path(`/run/netns/${pod.name}`) }, pod.port);
  }
  const load = mode === 'iptables' ? ['iptables-restore'] : ['nft', '-f', '-'];
  await host.exec(load, { input: await readRules(mode) });
  return {
    version: `rules of kube-proxy 1.31`,
    vantages: listVantages(host),
    dockerHost: undefined,
    ports: [30080, 30081, 30099, 443],
  };
}

function listVantages(host: EngineHost): Vantage[] {
  const talk = 'redis' as const;
  const byRule = (hook: 'PREROUTING' | 'OUTPUT', container: string, service: string): Truth => ({
    path: 'dnat',
    outcome: 'answered',
    hook,
    container,
    decides: new RegExp(`for the Service ${service} of Kubernetes`),
  });
  const node = { to: host.host.ipv4, talk };
  const drop = { reason: 'NETFILTER_DROP' };
  const cluster = { to: '10.96.0.22', port: 443, talk };
  const pod: From = { netns: host.path('/run/netns/web') };
  const web = { ...node, port: 30080 };
  return [
    {
      name: 'NodePort, outside',
      from: 'client',
      ...web,
      truth: { ...byRule('PREROUTING', 'web', 'shop/web:http'), source: '10.244.0.1' },
    },
    {
      name: 'NodePort, own address',
      from: 'host',
      ...web,
      truth: byRule('OUTPUT', 'web', 'shop/web:http'),
    },
    {
      name: 'NodePort, externalTrafficPolicy: Local, outside',
      from: 'client',
      ...node,
      port: 30081,
      truth: { ...byRule('PREROUTING', 'local', 'shop/local'), source: host.client.ipv4 },
    },
    {
      name: 'NodePort without endpoints, outside',
      from: 'client',
      ...node,
      port: 30099,
      // A refusal by a message of ICMP looks like a drop.
      truth: { path: 'host', outcome: 'dropped', container: null, drop, decides: /reject/i },
    },
    {
      name: 'ClusterIP, host',
      from: 'host',
      ...cluster,
      truth: byRule('OUTPUT', 'api', 'shop/api'),
    },
    {
      name: 'ClusterIP, pod',
      from: pod,
      ...cluster,
      truth: byRule('PREROUTING', 'api', 'shop/api'),
    },
  ];
}

export function listKubernetes(suite: Engine['suite']): Engine[] {
  return MODES.map((mode) => ({
    name: `kube-proxy-${mode}`,
    title: `Kubernetes, kube-proxy with ${mode}`,
    suite,
    prepare: async (host: EngineHost) => prepare(host, mode),
  }));
}
