/**
 * What the agent's libraries take by themselves: smtp-server hands each message to nodemailer, and nothing is kept in
 * between. `node libraries-server.ts <port> <upstream port> <CA file> <certificate> <key> <connections>`.
 */
import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';

/** As the agent's connections: so many messages over each, and so long a wait for the next one. */
const MESSAGES_EACH = 50;
const IDLE_MS = 5000;

function main([port, upstreamPort, caFile, certFile, keyFile, connections]: string[]): void {
  const transport = createTransport({
    ...{ pool: true, maxConnections: Number(connections), maxMessages: MESSAGES_EACH, idleTimeout: IDLE_MS },
    ...{ host: '127.0.0.1', port: Number(upstreamPort), requireTLS: true },
    tls: { ca: readFileSync(caFile ?? ''), minVersion: 'TLSv1.2' },
  });
  const server = new SMTPServer({
    ...{ cert: readFileSync(certFile ?? ''), key: readFileSync(keyFile ?? '') },
    // TLS 1.0 needs signatures by SHA-1, which OpenSSL has at security level 0 alone.
    ...{ minVersion: 'TLSv1', ciphers: 'ECDHE+AESGCM:ECDHE+AES:RSA+AES:@SECLEVEL=0' },
    ...{ authOptional: true, disableReverseLookup: true },
    onData(text, session, accept) {
      void take(text, session).then(({ envelope, raw }) => {
        accept();
        // A message that is lost here is missed at the sink, and the bench ends.
        transport.sendMail({ envelope, raw }).catch((error: unknown) => console.error(error));
      }, accept);
    },
  });
  server.on('error', (error) => console.error(error));
  server.listen(Number(port), '127.0.0.1');
}

async function take(text: SMTPServerDataStream, { envelope }: SMTPServerSession) {
  const chunks: Buffer[] = [];
  for await (const chunk of text) chunks.push(chunk);
  // What smtp-server empties once it has answered.
  const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
  return {
    envelope: { from, to: envelope.rcptTo.map(({ address }) => address) },
    raw: Buffer.concat(chunks),
  };
}

main(process.argv.slice(2));
