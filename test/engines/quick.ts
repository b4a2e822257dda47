/** The quick part of the table: one engine in a root made of this machine's own programs. */
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { ENGINES } from './catalogue.js';
import { tryEngine } from './try.js';

/** They stand in no folder of PATH. */
const HELPERS = ['/usr/lib/podman/netavark', '/usr/lib/cni/bridge', '/usr/lib/cni/portmap'];

/** What is told of every vantage is proven and right. */
export function tryQuickly(...names: readonly string[]): void {
  const test = suite(names.join(' and '));
  const missing = HELPERS.filter((path) => !existsSync(path));
  test.skipUnless(
    findLiveObstacle('podman', 'conmon', 'crun') ??
      (missing.length > 0 ? `not installed: ${missing.join(', ')} (bin/setup)` : null),
  );
  for (const name of names) {
    test(`every vantage of ${name}`, async () => {
      const engine = ENGINES.find((one) => one.name === name);
      if (!engine) throw new Error(`there is no engine ${name}`);
      const { results, report } = await tryEngine(engine, '/');
      assert.ok(report.coverage.sealed, report.coverage.notes.join());
      assert.ok(results.length > 0);
      for (const { vantage, finding } of results) assert.equal(finding.problems, [], vantage.name);
    });
  }
  test.run();
}
