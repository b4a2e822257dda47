/** Docker of this machine's suite in a root of its own; most other live tests run it in the lab. */
import { tryQuickly } from './quick.js';

tryQuickly('docker-bookworm');
