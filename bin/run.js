#!/usr/bin/env node
// Entry point: routes the arguments, then hands over to oclif.

import { execute } from '@oclif/core/execute';
import { settings } from '@oclif/core/settings';
import { routeArguments } from '../dist/src/cli/route.js';

settings.enableAutoTranspile = false; // always what was built, also with NODE_ENV=development
await execute({ dir: import.meta.url, args: routeArguments(process.argv.slice(2)) });
