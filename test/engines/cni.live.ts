/** CNI's bridge and portmap of this machine's suite, with bare namespaces. */
import { tryQuickly } from './quick.js';

tryQuickly('cni-bookworm');
