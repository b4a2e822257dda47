// All groups of scenarios, in the table's order.

import type { Group } from './scenario.js';
import { PROXY_ON } from './scenarios/vantages.js';

export const GROUPS: readonly Group[] = [PROXY_ON];
