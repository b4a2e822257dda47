/** A relay whose listening socket another process has opened: `relay-passed-on.js PORT ADDRESS PORT` is the one that opens it. */
import { fork } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';

const [port = '', address = '', target = ''] = process.argv.slice(2);

function relay(server: Server): void {
  server.on('connection', (client) => {
    const upstream = connect(Number(target), address);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
}

if (process.send) {
  process.on('message', (_, server) => relay(server as Server));
} else {
  const child = fork(fileURLToPath(import.meta.url), [port, address, target]);
  const server = createServer();
  // It listens here and accepts there.
  server.listen(Number(port), '0.0.0.0', () =>
    child.send('listening', server, () => server.close()),
  );
}
