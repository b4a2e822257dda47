/** What the survey's script prints: whole, cut off, without the right to mount, and with a namespace that is gone. */
import * as assert from 'uvu/assert';
import type { OpenNamespace } from '../../src/host/namespaces.js';
import { parseSurvey, surveyNamespaces } from '../../src/host/survey.js';
import type { RunCommand } from '../../src/host/command.js';
import { suite } from '../support/suite.js';

const test = suite('survey');

function open(inode: number, fd: number, name: string | null = null): OpenNamespace {
  return { inode, fd, name, pid: null, path: '', handle: `/proc/9/fd/${fd}` };
}

const ALL = [open(100, 20, 'blue'), open(300, 21), open(400, 22)];

const VETH =
  '[{"ifindex":5,"link_index":4,"ifname":"v","link_netnsid":1,"linkinfo":{"info_kind":"veth"}}]';
const WHOLE = `@named
@links /proc/9/fd/20
${VETH}
@ids /proc/9/fd/20
[{"nsid":0,"name":"22"}]
[{"nsid":1,"name":"21"}]
[{"nsid":2}]
@links /proc/9/fd/21
[]
@ids /proc/9/fd/21
@end`;

test('namespaces are named by the descriptors in the private folder', () => {
  const { readings, complete } = parseSurvey(WHOLE, ALL);
  assert.ok(complete);
  assert.equal([...readings.keys()], [100, 300]);
  assert.equal(
    [...(readings.get(100)?.ids ?? [])],
    [
      [0, 400],
      [1, 300],
      [2, null],
    ],
  );
  assert.is(readings.get(100)?.links[0]?.linkNamespaceId, 1);
  assert.is(readings.get(100)?.named, 'all');
});

test('without that folder, by the names under /run/netns; no name is nobody', () => {
  const text = `@links /proc/9/fd/21\n[]\n@ids /proc/9/fd/21\n[{"nsid":0,"name":"blue"}]\n[{"nsid":1}]\n@end`;
  const reading = parseSurvey(text, ALL).readings.get(300);
  assert.equal(
    [...(reading?.ids ?? [])],
    [
      [0, 100],
      [1, null],
    ],
  );
  assert.is(reading?.named, 'some');
});

test('numbers that were not asked for', () => {
  const reading = parseSurvey(`@links /proc/9/fd/21\n[]\n@end`, ALL).readings.get(300);
  assert.equal([reading?.named, reading?.ids.size], ['none', 0]);
});

test('a namespace that could not be entered is left out', () => {
  const text = `@links /proc/9/fd/20\n\n@links /proc/9/fd/21\n[]\n@end`;
  const { readings, complete } = parseSurvey(text, ALL);
  assert.equal([[...readings.keys()], complete], [[300], false]);
});

test('any beginning of the output is read without a wrong reading', () => {
  const whole = parseSurvey(WHOLE, ALL).readings;
  for (let length = 0; length < WHOLE.length; length++) {
    const { readings, complete } = parseSurvey(WHOLE.slice(0, length), ALL);
    assert.is(complete, false);
    for (const [inode, { links, ids }] of readings) {
      assert.equal(links, whole.get(inode)?.links);
      for (const [id, other] of ids) assert.is(other, whole.get(inode)?.ids.get(id));
    }
  }
});

test('shares the namespaces out among a few processes', async () => {
  const inputs: string[] = [];
  const run: RunCommand = (_command, _parameters, options) => {
    inputs.push(options?.input ?? '');
    const failed = inputs.length > 1;
    return Promise.resolve({
      ok: !failed,
      stdout: '@end',
      stderr: '',
      failure: failed ? 'timeout' : null,
      message: failed ? 'too slow' : '',
    });
  };
  const many = Array.from({ length: 10 }, (_, i) => open(i, i));
  const survey = await surveyNamespaces(run, many, many, { ids: true, timeout: 1 });
  assert.equal(
    inputs.map((input) => input.split('\n').length - 1),
    [3, 3, 3, 1],
  );
  assert.equal([survey.failure, survey.problem], ['timeout', 'too slow']);
});

test.run();
