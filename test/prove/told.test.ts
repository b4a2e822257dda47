/** Small stories of every kind: each verdict is true, and the rest of the text equals the golden one. */
import * as assert from 'uvu/assert';
import { analyse } from '../../src/prove/analyse.js';
import { compareGolden } from '../support/golden.js';
import { suite } from '../support/suite.js';
import { sumUp, tellStory, type Stories } from '../support/told.js';
import { ENDS } from './told/ends.js';
import { RELAYS } from './told/relays.js';
import { SERVERS } from './told/servers.js';
import { WAYS_IN } from './told/ways-in.js';

const test = suite('told');

const GROUPS: Readonly<Record<string, Stories>> = {
  ends: ENDS,
  relays: RELAYS,
  servers: SERVERS,
  'ways-in': WAYS_IN,
};

for (const [group, stories] of Object.entries(GROUPS)) {
  test(`${group}: the verdict is the truth`, () => {
    for (const [name, { is, tell }] of Object.entries(stories)) {
      assert.equal(sumUp(analyse(tell())), is, name);
    }
  });

  test(`${group}: all that is said of it is golden`, () => {
    const text = Object.entries(stories).map(([name, story]) => tellStory(name, story));
    assert.is(compareGolden(`told/${group}.txt`, text.join('\n')), null);
  });
}

test.run();
