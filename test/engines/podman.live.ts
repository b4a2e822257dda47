/** Podman of this machine's suite with netavark, without its API. */
import { tryQuickly } from './quick.js';

tryQuickly('podman-bookworm-netavark');
