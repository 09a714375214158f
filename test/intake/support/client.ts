/** A bare SMTP device for tests: sends bytes, reads whole replies. */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

export interface Client {
  readonly socket: Socket | TLSSocket;
  /** The next whole reply, lines joined by LF; '' when the box has closed the connection. */
  reply(): Promise<string>;
  write(bytes: string | Buffer): void;
  /** Sends a line and reads the reply. */
  say(line: string): Promise<string>;
  /** Sends DATA, the text, and the final dot. */
  data(text: string): Promise<string>;
  /** STARTTLS on the open connection. */
  startTls(options?: ConnectionOptions): Promise<Client>;
  closed: Promise<void>;
  destroy(): void;
}

const open = new Set<Socket>();

export interface ConnectOptions {
  /** Source address; any of 127.0.0.0/8. */
  from?: string;
}

export async function connectPlain(port: number, options: ConnectOptions = {}): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: options.from ?? '127.0.0.1' });
  await once(socket, 'connect');
  return createClient(socket);
}

export async function connectImplicit(
  port: number,
  tls: ConnectionOptions = {},
  options: ConnectOptions = {},
): Promise<Client> {
  const plain = connect({ host: '127.0.0.1', port, localAddress: options.from ?? '127.0.0.1' });
  await once(plain, 'connect');
  return createClient(await upgrade(plain, tls));
}

/** Ends whatever a failed test left open. */
export function closeClients(): void {
  for (const socket of open) socket.destroy();
  open.clear();
}

/** Options of a device that knows TLS 1.0 only, with RSA key exchange. */
export const TLS10: ConnectionOptions = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1',
  ciphers: 'AES128-SHA:@SECLEVEL=0',
};

async function upgrade(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  socket.removeAllListeners('data');
  const tlsSocket = connectTls({ socket, rejectUnauthorized: false, ...options });
  await once(tlsSocket, 'secureConnect');
  return tlsSocket;
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed before ${event}`)));
  });
}

function createClient(socket: Socket | TLSSocket): Client {
  open.add(socket);
  let received = '';
  let isClosed = false;
  const waiting: (() => void)[] = [];
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    wake();
  });
  socket.on('error', wake);
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      isClosed = true;
      open.delete(socket);
      wake();
      resolve();
    };
    socket.once('close', end);
    socket.once('end', end);
  });

  function take(): string | null {
    const match = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(received);
    if (!match) return null;
    received = received.slice(match[0].length);
    return match[0].trimEnd().replaceAll('\r\n', '\n');
  }

  async function reply(): Promise<string> {
    for (;;) {
      const whole = take();
      if (whole !== null) return whole;
      if (isClosed) return '';
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  const say = (line: string) => {
    socket.write(`${line}\r\n`);
    return reply();
  };

  return {
    socket,
    reply,
    write: (bytes) => void socket.write(bytes),
    say,
    async data(text) {
      const go = await say('DATA');
      if (!go.startsWith('354')) return go;
      socket.write(`${text}\r\n.\r\n`);
      return await reply();
    },
    async startTls(options = {}) {
      const go = await say('STARTTLS');
      if (!go.startsWith('220')) throw new Error(`STARTTLS refused: ${go}`);
      open.delete(socket);
      return createClient(await upgrade(socket as Socket, options));
    },
    closed,
    destroy: () => void socket.destroy(),
  };
}
