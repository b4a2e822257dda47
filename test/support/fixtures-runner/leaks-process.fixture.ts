/** Passes, and leaves a process running that nothing waits for. */
import { spawn } from 'node:child_process';
import { suite } from '../suite.js';

const test = suite('leaks');
test('starts a process', () => {
  const sleeper = spawn('sleep', ['600'], { stdio: 'ignore' });
  console.log(`sleeper ${sleeper.pid} of group ${process.pid}`);
  sleeper.unref();
});
test.run();
