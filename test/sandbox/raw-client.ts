/** A tiny SMTP client over a raw socket, so that the sandbox is judged by nothing of its own. */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

export interface RawClient {
  socket(): Socket;
  /** One reply, all its lines. Rejects when the connection ends first. */
  reply(): Promise<string>;
  say(line: string): Promise<string>;
  write(text: string | Buffer): void;
  secure(options: ConnectionOptions): Promise<TLSSocket>;
  closed(): Promise<void>;
  /** Milliseconds of nothing are never waited for: bytes received so far. */
  bytes(): number;
  close(): void;
}

export async function dial(port: number, localAddress = '127.0.0.1'): Promise<RawClient> {
  let socket: Socket = connect({ port, host: '127.0.0.1', localAddress });
  let text = '';
  let bytes = 0;
  let ended = false;
  let wake = () => {};
  const listen = () => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      bytes += chunk.length;
      wake();
    });
    socket.on('close', () => {
      ended = true;
      wake();
    });
    // A reset is an end like another here; the test sees the missing reply.
    socket.on('error', () => wake());
  };
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  listen();

  async function reply(): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(text);
      if (whole) {
        text = text.slice(whole[0].length);
        return whole[0].replaceAll('\r', '').trimEnd();
      }
      if (ended) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    socket: () => socket,
    reply,
    say(line) {
      socket.write(`${line}\r\n`);
      return reply();
    },
    write: (data) => {
      socket.write(data);
    },
    async secure(options) {
      const plain = socket;
      plain.removeAllListeners('data');
      plain.removeAllListeners('close');
      const secured = connectTls({ socket: plain, ...options });
      await new Promise<void>((resolve, reject) => {
        secured.once('secureConnect', resolve);
        secured.once('error', reject);
        secured.once('close', () => reject(new Error('closed in the handshake')));
      });
      socket = secured;
      listen();
      return secured;
    },
    async closed() {
      while (!ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    bytes: () => bytes,
    close: () => socket.destroy(),
  };
}
