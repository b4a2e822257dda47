/** The README and docs/outputs.md show what their commands print and draw. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { listPictures, replayPages } from '../support/readme.js';
import { suite } from '../support/suite.js';

const test = suite('README');
test.skipUnless(findLiveObstacle('tshark'));

test('sessions, diagram and pictures are those that its commands make', async () => {
  await replayPages(async ({ pages, folder }) => {
    for (const { file, text } of pages) {
      assert.is(await readFile(file, 'utf8'), text, 'npm run docs makes them anew');
    }
    const pictures = await listPictures();
    assert.ok(pictures.length > 1);
    for (const name of pictures) {
      const shown = fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
      assert.is(await readFile(shown, 'utf8'), await readFile(join(folder, name), 'utf8'), name);
    }
  });
});

test.run();
