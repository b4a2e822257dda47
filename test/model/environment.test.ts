/** What programs get of the caller's environment: a search path, and nothing more. */
import * as assert from 'uvu/assert';
import { cleanEnvironment, searchFolders } from '../../src/model/environment.js';
import { suite } from '../support/suite.js';

const test = suite('environment');

test("as root the system's folders come first, else the caller's", () => {
  const path = '/home/me/bin:/usr/bin:relative:.::';
  const root = searchFolders(path, true);
  assert.is(root[0], '/usr/local/sbin');
  assert.ok(root.indexOf('/usr/bin') < root.indexOf('/home/me/bin'));
  const user = searchFolders(path, false);
  assert.is(user[0], '/home/me/bin');
  for (const folders of [root, user]) {
    assert.ok(folders.every((folder) => folder.startsWith('/')));
    assert.is(new Set(folders).size, folders.length);
    assert.ok(folders.includes('/usr/sbin'));
  }
  assert.ok(searchFolders(undefined, true).includes('/usr/bin'));
});

test('nothing else is handed on', () => {
  assert.equal(Object.keys(cleanEnvironment('/bin', true)).sort(), ['LC_ALL', 'PATH']);
});

test.run();
