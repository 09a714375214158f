/** A short look at an SMTP server, or at a page over HTTPS: what it says, one TLS handshake; then the connection is closed. */
import { createConnection, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { TlsFacts } from '../core/message.ts';
import { type CertificateFacts, chainOf } from '../routes/certificates.ts';

export interface LookOptions {
  address: string;
  port: number;
  /** Own address to come from. */
  localAddress?: string | undefined;
  /** Name for EHLO; of the server, for a page. */
  name: string;
  tls: 'none' | 'starttls' | 'implicit' | 'https';
  /** Checks of the certificate stay on; what they say is in `error`. */
  tlsOptions: ConnectionOptions;
  clock: Clock;
  signal: AbortSignal;
}

export interface SmtpLook {
  /** First line of the greeting, or of the answer of a page; null where none came. */
  banner: string | null;
  /** Lines of its EHLO reply before TLS, without their codes. */
  hello: string[];
  tls: TlsFacts | null;
  /** What the server showed, also where it was not believed. */
  chain: CertificateFacts[];
  /** What ended the look early. */
  error: Error | null;
}

/** Never throws: what went wrong is in `error`. Takes LIMITS.doctorLookMaxMs at most. */
export async function lookAtSmtp(options: LookOptions): Promise<SmtpLook> {
  const look: SmtpLook = { banner: null, hello: [], tls: null, chain: [], error: null };
  const { address, port, localAddress, clock, signal } = options;
  const socket = createConnection({ host: address, port, ...(localAddress ? { localAddress } : {}) });
  const end = (reason: string) => () => socket.destroy(new Error(reason));
  const timer = clock.schedule(LIMITS.doctorLookMaxMs, end('no answer in time'));
  signal.addEventListener('abort', end('ended early'), { once: true });
  try {
    await converse(socket, options, look);
  } catch (error) {
    look.error = error instanceof Error ? error : new Error(String(error));
  } finally {
    timer.cancel();
    socket.on('error', () => {});
    socket.destroy();
  }
  return look;
}

async function converse(socket: Socket, options: LookOptions, look: SmtpLook): Promise<void> {
  if (options.tls === 'https') {
    const secure = await handshake(socket, options, look);
    secure.write(`HEAD / HTTP/1.1\r\nHost: ${options.name}\r\nConnection: close\r\n\r\n`);
    look.banner = firstLine(await readReply(secure, /^HTTP.*\r?\n/));
    return;
  }
  if (options.tls === 'implicit') {
    const secure = await handshake(socket, options, look);
    look.banner = firstLine(await readReply(secure));
    secure.end('QUIT\r\n');
    return;
  }
  look.banner = firstLine(await readReply(socket));
  if (!look.banner.startsWith('220')) throw new Error(look.banner);
  const hello = await command(socket, `EHLO ${options.name}`);
  look.hello = hello
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.slice(4));
  if (options.tls === 'starttls') {
    await command(socket, 'STARTTLS');
    (await handshake(socket, options, look)).end('QUIT\r\n');
  } else socket.end('QUIT\r\n');
}

async function command(socket: Socket, line: string): Promise<string> {
  socket.write(`${line}\r\n`);
  const reply = await readReply(socket);
  if (!reply.startsWith('2')) throw new Error(firstLine(reply));
  return reply;
}

async function handshake(socket: Socket, options: LookOptions, look: SmtpLook): Promise<TLSSocket> {
  const secure = connectTls({ socket, ...options.tlsOptions });
  // Before Node's own listener, which drops a connection whose certificate it does not believe.
  secure.prependListener('secure', () => {
    look.chain = chainOf(secure);
  });
  await new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', resolve);
    secure.once('error', reject);
    secure.once('close', () => reject(new Error('the connection was closed')));
  });
  const cipher = secure.getCipher();
  look.tls = { protocol: secure.getProtocol() ?? 'unknown', cipher: cipher.standardName ?? cipher.name };
  return secure;
}

/** The last line of a reply has a space after the code (RFC 5321 section 4.2.1). */
const LAST_LINE = /^\d{3}(?: .*)?\r?\n/m;

/** One whole reply. */
function readReply(socket: Socket, end = LAST_LINE): Promise<string> {
  const read = Promise.withResolvers<string>();
  let text = '';
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    if (end.test(text)) read.resolve(text);
    else if (text.length > LIMITS.doctorReplyBytesMax) read.reject(new Error('the reply is too long'));
  };
  const onClose = (): void => read.reject(new Error('the connection was closed'));
  socket.on('data', onData);
  socket.resume();
  socket.once('error', read.reject);
  socket.once('close', onClose);
  return read.promise.finally(() => {
    socket.off('data', onData);
    socket.off('error', read.reject);
    socket.off('close', onClose);
    // Bytes that follow belong to whoever reads next, the TLS layer too.
    socket.pause();
  });
}

function firstLine(reply: string): string {
  return (reply.split(/\r?\n/)[0] ?? '').replace(/[^\x20-\x7e]/g, '?');
}
