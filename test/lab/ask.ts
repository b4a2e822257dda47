/** Asks servers who they see: `CLIENT INFO` of a Redis over TCP, a name server of peers over UDP. All at once. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { canonicalAddress } from '../../src/model/address.js';

export interface Question {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
}

export interface Answer {
  readonly end: 'answered' | 'refused' | 'reset' | 'dropped' | 'unreachable';
  /** The address that the server says it sees. */
  readonly seen: string | null;
  readonly localPort: number;
}

/** Milliseconds until a datagram that nobody answers is sent again, as resolvers do: UDP may lose it. */
const RESEND = 400;

type Settle = (end: Answer['end'], seen: string | null, localPort: number) => void;

function judge(code: string | undefined, connected: boolean): Answer['end'] {
  if (connected) return 'reset';
  return code === 'ECONNREFUSED' ? 'refused' : 'unreachable';
}

function overTcp({ host, port }: Question, settle: Settle): () => void {
  const socket = connect(port, host);
  let local = 0;
  let text = '';
  socket.on('connect', () => {
    local = socket.localPort ?? 0;
    socket.write('CLIENT INFO\r\n');
  });
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const peer = /\baddr=\[?(.*?)\]?:\d+ /.exec(text)?.[1];
    if (peer !== undefined) settle('answered', canonicalAddress(peer), local);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    settle(judge(error.code, local !== 0), null, local);
  });
  socket.on('close', () => settle('reset', null, local));
  return () => socket.destroy();
}

function overUdp({ host, port }: Question, settle: Settle): () => void {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  let local = 0;
  let resend: NodeJS.Timeout | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    clearInterval(resend);
    settle(judge(error.code, false), null, local);
  });
  socket.on('message', (message) => {
    const [peer = ''] = message.toString('latin1').trim().split(' ');
    clearInterval(resend);
    settle('answered', canonicalAddress(peer.replace(/^\[|\]$/g, '')), local);
  });
  const ask = (): void => socket.send('who?\n');
  socket.connect(port, host, () => {
    local = socket.address().port;
    ask();
    resend = setInterval(ask, RESEND);
  });
  return () => {
    clearInterval(resend);
    socket.close();
  };
}

/** @param hold how long connections stay open after the last answer, for those who want to look at them. */
async function main(questions: readonly Question[], patience: number, hold: number): Promise<void> {
  const ends: (() => void)[] = [];
  const answers = await Promise.all(
    questions.map(
      (question) =>
        new Promise<Answer>((resolve) => {
          const settle: Settle = (end, seen, localPort) => resolve({ end, seen, localPort });
          ends.push((question.protocol === 'tcp' ? overTcp : overUdp)(question, settle));
          setTimeout(() => settle('dropped', null, 0), patience);
        }),
    ),
  );
  process.stdout.write(JSON.stringify(answers));
  await new Promise((resolve) => setTimeout(resolve, hold));
  for (const end of ends) end();
  process.exit();
}

const [questions = '[]', patience = '', hold = ''] = process.argv.slice(2);
await main(JSON.parse(questions) as Question[], Number(patience), Number(hold));
