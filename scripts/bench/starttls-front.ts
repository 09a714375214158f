/**
 * STARTTLS in front of smtp-sink, as a process of its own: `node starttls-front.ts <port> <sink port> <cert> <key>`.
 *
 * stunnel could do this, but as an SMTP server it waits 200 ms on each connection to see whether the client begins
 * TLS by itself (smtp_server in its protocol.c), and twenty connections then carry 94 messages a second at most,
 * whoever sends them.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

const BACKLOG = 1000;
const LF = 0x0a;
const EHLO_REPLY = '250-sink\r\n250-STARTTLS\r\n250 8BITMIME\r\n';

function main([port, sinkPort, certFile, keyFile]: string[]): void {
  const secureContext = createSecureContext({
    cert: readFileSync(certFile ?? ''),
    key: readFileSync(keyFile ?? ''),
    minVersion: 'TLSv1.2',
  });
  const server = createServer({ noDelay: true }, (socket) => greet(socket, secureContext, Number(sinkPort)));
  server.listen({ host: '127.0.0.1', port: Number(port), backlog: BACKLOG });
}

/** One command a chunk is all that a client may send before TLS. */
function greet(socket: Socket, secureContext: SecureContext, sinkPort: number): void {
  socket.on('error', () => socket.destroy());
  socket.write('220 sink ESMTP\r\n');
  socket.on('data', function answer(line) {
    const verb = line.toString('latin1').slice(0, 8).toUpperCase();
    if (verb === 'STARTTLS') {
      socket.off('data', answer);
      socket.pause();
      socket.write('220 Go ahead\r\n');
      join(new TLSSocket(socket, { isServer: true, secureContext }), sinkPort);
    } else if (verb.startsWith('QUIT')) socket.end('221 Bye\r\n');
    else socket.write(EHLO_REPLY);
  });
}

/** The client has been greeted already, so the greeting of the sink stays here. */
function join(client: TLSSocket, sinkPort: number): void {
  const sink = connect({ host: '127.0.0.1', port: sinkPort, noDelay: true });
  const cut = () => {
    client.destroy();
    sink.destroy();
  };
  client.on('error', cut).on('close', cut);
  sink.on('error', cut).on('close', cut);
  client.pipe(sink);
  // What the client said at once may be answered in the same chunk.
  sink.once('data', (chunk: Buffer) => {
    client.write(chunk.subarray(chunk.indexOf(LF) + 1));
    sink.pipe(client);
  });
}

main(process.argv.slice(2));
