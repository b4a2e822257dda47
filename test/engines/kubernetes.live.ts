/** Services behind the rules of kube-proxy's two modes, with pods that are bare namespaces. */
import { tryQuickly } from './quick.js';

tryQuickly('kube-proxy-iptables', 'kube-proxy-nftables');
