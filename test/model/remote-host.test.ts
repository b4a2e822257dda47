/** What `--host` takes: URLs of ssh, aliases, and this machine. */

import * as assert from 'uvu/assert';
import { distinguishNames, parseRemoteHost } from '../../src/model/remote-host.js';
import { suite } from '../support/suite.js';

const test = suite('remote host');

test('user, host and port are taken from the URL, and left to ssh where they are missing', () => {
  const read = (text: string) => parseRemoteHost(text)?.login;
  assert.equal(read('ssh://user@a:2222'), { user: 'user', host: 'a', port: 2222 });
  assert.equal(read('ssh://a'), { user: null, host: 'a', port: null });
  assert.equal(read('ssh://my_alias/'), { user: null, host: 'my_alias', port: null });
  assert.equal(read('ssh://root@[fd00::1]:22'), { user: 'root', host: 'fd00::1', port: 22 });
  assert.equal(read('ssh://DOM%5Cuser@a'), { user: 'DOM\\user', host: 'a', port: null });
  assert.equal(parseRemoteHost('local'), { given: 'local', name: 'local', login: null });
});

test('anything else is refused, above all what ssh would take for an option', () => {
  for (const text of [
    ...[
      'a',
      'user@a',
      'tcp://a:2375',
      'ssh://',
      'ssh://user:secret@a',
      'ssh://a/var/run/docker.sock',
    ],
    ...['ssh://-oProxyCommand=reboot', 'ssh://-l@a', 'ssh://%2Dl@a', 'ssh://a:0', 'ssh://a:65536'],
    ...['ssh://a b', 'ssh://a?x', 'ssh://a#x', 'ssh://@a'],
  ]) {
    assert.is(parseRemoteHost(text), null, text);
  }
});

test('repeated names get a number', () => {
  assert.equal(distinguishNames(['a', 'b', 'a', 'a']), ['a', 'b', 'a-2', 'a-3']);
});

test.run();
