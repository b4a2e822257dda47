/** In a namespace: dials what is asked for on standard input, one line of JSON each, or serves who it sees. */
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

interface Question {
  readonly host: string;
  readonly port: number;
  readonly patience: number;
}

export interface Told {
  readonly end: 'answered' | 'refused' | 'dropped';
  readonly seen: string | null;
}

function dial({ host, port, patience }: Question): Promise<Told> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const settle = (end: Told['end'], seen: string | null = null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ end, seen });
    };
    const timer = setTimeout(() => settle('dropped'), patience);
    socket.on('connect', () => socket.write('who?\n'));
    socket.on('data', (data) => settle('answered', String(data).trim()));
    socket.on('error', () => settle('refused'));
    socket.on('close', () => settle('refused'));
  });
}

const [mode = '', port = '0'] = process.argv.slice(2);
if (mode === 'serve') {
  createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write(`${socket.remoteAddress ?? ''}\n`));
  }).listen(Number(port), '0.0.0.0', () => process.stdout.write('ready\n'));
} else {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const questions = JSON.parse(line) as Question[];
    void Promise.all(questions.map(dial)).then((told) =>
      process.stdout.write(`${JSON.stringify(told)}\n`),
    );
  });
  process.stdout.write('ready\n');
}
