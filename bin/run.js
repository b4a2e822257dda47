#!/usr/bin/env node
// Entry point: routes the arguments, then hands over to oclif. Nothing is loaded before Node is known to be new enough.

if (Number.parseInt(process.versions.node) < 22) {
  process.stderr.write(
    `Error: trace-flow needs Node 22 or newer, and this is Node ${process.versions.node}.\n` +
      'Remedy: install a newer Node, or start bin/setup in a clone of the project, which brings its own\n',
  );
  process.exit(1);
}

const [{ execute }, { settings }, { routeArguments }] = await Promise.all([
  import('@oclif/core/execute'),
  import('@oclif/core/settings'),
  import('../dist/src/cli/route.js'),
]);
settings.enableAutoTranspile = false; // always what was built, also with NODE_ENV=development
// Not awaited: with its reader gone (| head) oclif waits for a stream that never drains.
void execute({ dir: import.meta.url, args: routeArguments(process.argv.slice(2)) });
