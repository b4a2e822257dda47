/** How bpftrace is started: in a mount namespace of its own only where it is to see another tracefs. */
import * as assert from 'uvu/assert';
import { writeCommand } from '../../src/capture/bpftrace/start-command.js';
import { suite } from '../support/suite.js';

const test = suite('start of bpftrace');
const BOUND = ['setpriv', '--pdeathsig', 'KILL', 'bpftrace', '--more', '-'];

function write(tracefs: string | null, events: readonly string[] | null) {
  return writeCommand({ bpftrace: 'bpftrace', tracefs, events }, ['--more']);
}

test('where tracefs is mounted and all of it is shown, nothing stands before it', () => {
  assert.equal(write('/sys/kernel/tracing', null), BOUND);
});

test('tracefs is mounted, or shortened, or both, where only the child sees it', () => {
  for (const [tracefs, events] of [
    [null, null],
    [null, ['net:net_dev_queue', 'skb:kfree_skb']],
    ['/sys/kernel/tracing', ['net:net_dev_queue', 'skb:kfree_skb']],
  ] as const) {
    const command = write(tracefs, events);
    assert.is(command[0], 'unshare');
    const script = command[command.indexOf('-c') + 1] ?? '';
    assert.is(script.includes('mount -t tracefs'), tracefs === null);
    assert.is(script.includes('available_events'), events !== null);
    assert.equal(command.slice(-BOUND.length), BOUND);
    assert.is(command.at(-BOUND.length - 1), (events ?? []).join('\n'));
  }
});

test.run();
