/** Finds the Kubernetes Service that a kube-proxy rule belongs to. */
import type { Chain, Rule } from '../../model/rules.js';

/**
 * How comments begin in kube-proxy's iptables mode: `shop/redis:tcp`, `shop/redis cluster IP`, `shop/redis ->
 * 10.244.0.5:6379`.
 */
const COMMENT = /^([a-z0-9][a-z0-9.-]*\/[a-z0-9][a-z0-9.-]*(?::[a-z0-9-]+)?)(?: |$)/;
const CHAIN = /^KUBE-(?:SEP|SVC|SVL|EXT|FW|XLB|SERVICES|NODEPORTS)/;
/** How its nftables mode names chains: `service-2QRHZV4L-shop/redis/tcp/p6379`, `endpoint-…__10.244.0.5/6379`. */
const NAMED =
  /^(?:service|external|endpoint)-[0-9A-Z]+-([^/]+)\/([^/]+)\/(?:tcp|udp|sctp)\/([^_]*)/;

/** `NAMESPACE/NAME`, with `:PORT` where the port has a name; null for a rule that is not kube-proxy's. */
export function findServiceOfRule(ref: {
  readonly chain: Pick<Chain, 'name'>;
  readonly rule: Pick<Rule, 'comment'> | null;
}): string | null {
  const { name } = ref.chain;
  if (CHAIN.test(name)) return COMMENT.exec(ref.rule?.comment ?? '')?.[1] ?? null;
  const [, namespace, service, port = ''] = NAMED.exec(name) ?? [];
  if (namespace === undefined || service === undefined) return null;
  return `${namespace}/${service}${port === '' ? '' : `:${port}`}`;
}
