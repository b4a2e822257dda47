/** The progress lines of a running trace, on a simulated screen that obeys the escape sequences. */
import * as assert from 'uvu/assert';
import { createProgress } from '../../src/app/progress.js';
import type { Tally } from '../../src/app/tally.js';
import { analyse } from '../../src/prove/analyse.js';
import { renderWatch } from '../../src/render/terminal/watch.js';
import { widthOf } from '../../src/render/text.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';

const test = suite('app: progress');
const connections = analyse(readSample('mixed-20')).connections;

test('the live view is drawn over itself, and gone when the trace stops', () => {
  const screen = new Screen();
  const progress = createProgress({
    write: (text: string) => screen.write(text),
    terminal: true,
    hint: 'Ctrl-C ends it',
    watch: () => ({ columns: 80, rows: 8, color: false }),
  });
  progress.starting();
  progress.ready([8080], []);
  for (const count of [0, 1, 3, 12, 20]) {
    progress.update(tallyOf(count));
    assert.is(screen.lines[0], 'ready: tracing port 8080; Ctrl-C ends it');
    const own = screen.lines.slice(1);
    assert.ok(own.length <= 8);
    assert.is(own.length, count === 0 ? 1 : Math.min(8, count + 2));
    assert.match(own.at(-1) ?? '', `${count} connection`);
    if (count > 0) assert.match(own.at(-2) ?? '', new RegExp(`^ *#${count} .*answered`));
  }
  progress.warn('look');
  assert.equal(screen.lines.slice(1), ['warning: look', '']);
  progress.update(tallyOf(19));
  progress.stopping();
  assert.is(screen.lines.length, 4);
  assert.match(screen.lines[2] ?? '', /^stopped: .* 19 connections/);
});

test('a loss that shows only at the end is told there, and one that was told is not told again', () => {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const progress = createProgress({ write, terminal: false, hint: 'Ctrl-C ends it' });
  progress.lost(5);
  progress.stopping();
  progress.lost(7);
  progress.finished(5);
  assert.match(written, /^stopped: .* 5 events lost\n$/);
  progress.finished(9);
  assert.match(written, /\nwarning: 9 events lost in all: .*\n$/);
});

test('without a terminal it is quiet', () => {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const progress = createProgress({
    write,
    terminal: false,
    hint: 'Ctrl-C ends it',
    watch: (): never => {
      throw new Error('there is no screen');
    },
  });
  progress.starting();
  progress.ready([8080], []);
  progress.update(tallyOf(20));
  progress.stopping();
  assert.is(written.split('\n').length, 3);
  assert.not.match(written, '\u001b');
});

test('without a terminal each connection is a line as it ends', () => {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  const progress = createProgress({ write, terminal: false, hint: 'Ctrl-C ends it' });
  for (const one of connections) progress.ended(one);
  const lines = written.trimEnd().split('\n');
  assert.is(lines.length, connections.length);
  assert.match(
    lines[0] ?? '',
    /^ *#1 .*answered .* → 198\.51\.100\.1:8080 → redis 172\.17\.0\.2:6379$/,
  );
});

test('no line is wider than the screen, and no view longer, whatever its size', () => {
  for (let columns = 20; columns < 140; columns += 7) {
    for (const rows of [0, 1, 2, 5, 100]) {
      const lines = renderWatch(connections, { columns, rows, color: false });
      assert.ok(lines.length <= rows);
      for (const line of lines) assert.ok(widthOf(line) <= Math.max(columns, 42), line);
    }
  }
});

function tallyOf(count: number): Tally {
  return { connections: count, ended: 0, packets: 7, seen: connections.slice(0, count) };
}

/** Lines and a cursor; any sequence that the program does not use is an error. */
class Screen {
  readonly lines: string[] = [''];
  #row = 0;
  #column = 0;

  write(text: string): void {
    for (const [, rows, erase, line, back, plain] of text.matchAll(
      /\u001b\[(\d+)A|\u001b\[([JK])|(\n)|(\r)|([^\u001b\n\r]+)/g,
    )) {
      const current = this.lines[this.#row] ?? '';
      if (rows !== undefined) this.#row -= Number(rows);
      else if (erase !== undefined) {
        this.lines[this.#row] = current.slice(0, this.#column);
        if (erase === 'J') this.lines.length = this.#row + 1;
      } else if (line !== undefined) {
        this.#row += 1;
        this.#column = 0;
        this.lines[this.#row] ??= '';
      } else if (back !== undefined) this.#column = 0;
      else if (plain !== undefined) {
        const end = this.#column + plain.length;
        this.lines[this.#row] = current.slice(0, this.#column) + plain + current.slice(end);
        this.#column = end;
      }
    }
    assert.ok(this.#row >= 0);
  }
}

test.run();
