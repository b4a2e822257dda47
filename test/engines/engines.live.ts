/** The engines of this machine's own suite, each in a root made of the machine's programs: what is told is proven and right. */
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { ENGINES } from './catalogue.js';
import { tryEngine } from './try.js';

/** Docker is what most live tests run; here it is seen through the same root as the others. */
const NAMES = ['cni-bookworm', 'podman-bookworm-netavark', 'docker-bookworm'];
const PROGRAMS = ['podman', 'conmon', 'crun'];
/** They stand in no folder of PATH. */
const HELPERS = ['/usr/lib/podman/netavark', '/usr/lib/cni/bridge', '/usr/lib/cni/portmap'];

const test = suite('engines');
const missing = HELPERS.filter((path) => !existsSync(path));
test.skipUnless(
  findLiveObstacle(...PROGRAMS) ??
    (missing.length > 0 ? `not installed: ${missing.join(', ')} (bin/setup)` : null),
);

for (const engine of ENGINES.filter(({ name }) => NAMES.includes(name))) {
  test(engine.title, async () => {
    const { results, report } = await tryEngine(engine, '/');
    assert.ok(report.coverage.sealed, report.coverage.notes.join());
    assert.ok(results.length > 0);
    for (const { vantage, finding } of results) {
      assert.equal(finding.problems, [], vantage.name);
    }
  });
}

test.run();
