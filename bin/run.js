#!/usr/bin/env node
// Entry point: routes the arguments, then hands over to oclif. Nothing is loaded before Node is known to be new enough.

if (Number.parseInt(process.versions.node) < 22) {
  process.stderr.write(
    `Error: trace-flow needs Node 22 or newer, and this is Node ${process.versions.node}.\n` +
      'Remedy: install a newer Node, or start bin/setup in a clone of the project, which brings its own\n',
  );
  process.exit(1);
}

const [argv, plain] = [process.argv.slice(2), process.env.FORCE_COLOR === undefined];
const { isatty } = await import('node:tty');
const { answerQuickly } = await import('../dist/src/cli/quick-help.js');
// A terminal gets help in its own width and colours, which takes oclif.
if (isatty(1) || !plain || !answerQuickly(argv)) await start();

async function start() {
  const { fileURLToPath } = await import('node:url');
  const { userInfo } = await import('node:os');
  try {
    userInfo();
  } catch {
    // A user whom /etc/passwd does not name, as in many containers: oclif asks for a home and a shell.
    process.env.HOME ??= '/';
    process.env.SHELL ??= '/bin/sh';
  }

  // First of all: until then a hangup that the caller ignores would end the process.
  const { isHangupIgnored } = await import('../dist/src/cli/hangup.js');
  isHangupIgnored();

  // Nothing of the caller's home or environment is loaded: no plugin, no theme, no rc file.
  process.env.TRACE_FLOW_DISABLE_THEME = '1';
  process.env.OCLIF_DISABLE_RC = '1';

  const [{ execute }, { settings }, { routeArguments }, { guardStreams }] = await Promise.all([
    import('@oclif/core/execute'),
    import('@oclif/core/settings'),
    import('../dist/src/cli/route.js'),
    import('../dist/src/cli/streams.js'),
  ]);
  guardStreams();
  settings.enableAutoTranspile = false; // always what was built, also with NODE_ENV=development
  const root = fileURLToPath(new URL('..', import.meta.url));
  // Not awaited: with its reader gone (| head) oclif waits for a stream that never drains.
  void execute({
    loadOptions: { root, userPlugins: false, devPlugins: false },
    args: routeArguments(argv),
  });
}
