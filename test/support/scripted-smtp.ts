/** A small SMTP server whose every answer a test can replace, for what no well-behaved server does. */
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';

/** What to answer: a reply without its line end, or one of the deeds. */
export type Answer = string | { deed: 'cut' | 'reset' | 'silence' | 'byte-by-byte' | 'raw'; text?: string };

/** `connect` is the greeting, `.` the final dot, `body` each chunk of DATA; anything else is the command line. */
export type Script = (step: string, session: ScriptedSession) => Answer | undefined;

export interface ScriptedSession {
  isSecure: boolean;
  /** Commands so far, without those of the body. */
  commands: string[];
  /** Bytes of the latest DATA as they came, dots and all. */
  body: Buffer;
  /** How many bytes came, and the first 4 KiB of them, before any decryption. */
  bytes: number;
  opening: Buffer;
  isClosed: boolean;
  /** Writes to the client as it is, past TLS. */
  write(text: string): void;
  /** Reads nothing any more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the connection in good order. */
  end(): void;
}

export interface ScriptedSmtpOptions {
  /** Key, certificate and versions; without them STARTTLS is neither offered nor taken. */
  tls?: SecureContextOptions;
  /** Ends the handshake unless the client shows a certificate of this authority. */
  clientCa?: string;
  /** EHLO lines after the first. */
  offers?: string[];
  script?: Script;
}

export interface ScriptedSmtp {
  port: number;
  sessions: ScriptedSession[];
  stop(): Promise<void>;
}

const CRLF = '\r\n';
/** First byte of a record that holds a hello (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;

export async function startScriptedSmtp(options: ScriptedSmtpOptions): Promise<ScriptedSmtp> {
  const sessions: ScriptedSession[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    // What a test says out of turn leaves at once, and not with the next acknowledgement.
    socket.setNoDelay();
    sockets.add(socket);
    const session: ScriptedSession = {
      isSecure: false,
      commands: [],
      body: Buffer.alloc(0),
      bytes: 0,
      opening: Buffer.alloc(0),
      isClosed: false,
      ...{ write: () => {}, pause: () => {}, resume: () => {}, end: () => {} },
    };
    sessions.push(session);
    socket.on('close', () => {
      session.isClosed = true;
      sockets.delete(socket);
    });
    serve(socket, session, options);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    sessions,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function serve(raw: Socket, session: ScriptedSession, options: ScriptedSmtpOptions): void {
  let socket = raw;
  let pending: Buffer = Buffer.alloc(0);
  let isInBody = false;
  /** A TLS hello that nobody answers: a line end among its random bytes ends no command. */
  let isHello = false;

  function answer(step: string): void {
    const given = options.script?.(step, session) ?? defaultAnswer(step, session, options);
    if (given === undefined || socket.destroyed) return;
    if (typeof given === 'string') socket.write(given + CRLF);
    else DEEDS[given.deed]({ raw, socket, text: given.text ?? '' });
  }

  function onCommand(line: string): void {
    session.commands.push(line);
    answer(line);
    isInBody = line === 'DATA' && !socket.destroyed;
    if (isInBody) session.body = Buffer.alloc(0);
    if (line === 'STARTTLS' && options.tls !== undefined) upgrade(options.tls);
  }

  function onData(chunk: Buffer): void {
    session.bytes += chunk.length;
    if (session.opening.length < 4096)
      session.opening = Buffer.concat([session.opening, chunk]).subarray(0, 4096);
    take(chunk);
  }

  function take(chunk: Buffer): void {
    isHello ||= !isInBody && !session.isSecure && chunk[0] === TLS_HANDSHAKE;
    if (isHello) return;
    if (isInBody) {
      takeBody(chunk);
      return;
    }
    pending = Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf(CRLF); end >= 0 && !isInBody; end = pending.indexOf(CRLF)) {
      const line = pending.subarray(0, end).toString('latin1');
      pending = pending.subarray(end + 2);
      onCommand(line);
    }
    if (isInBody && pending.length > 0) takeBody(takePending());
  }

  function takeBody(chunk: Buffer): void {
    session.body = Buffer.concat([session.body, chunk]);
    answer('body');
    const end = endOfBody(session.body);
    if (end === null) return;
    isInBody = false;
    const rest = session.body.subarray(end);
    session.body = session.body.subarray(0, end);
    answer('.');
    take(rest);
  }

  function takePending(): Buffer {
    const taken = pending;
    pending = Buffer.alloc(0);
    return taken;
  }

  function upgrade(tls: SecureContextOptions): void {
    raw.off('data', onData);
    const wantsCertificate = options.clientCa !== undefined;
    socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: createSecureContext({ ...tls, ...(wantsCertificate ? { ca: options.clientCa } : {}) }),
      requestCert: wantsCertificate,
      rejectUnauthorized: wantsCertificate,
    });
    // A refused handshake is what many tests are about; the client's side tells the story.
    socket.on('error', () => {});
    socket.on('secure', () => {
      session.isSecure = true;
    });
    socket.on('data', onData);
  }

  raw.on('error', () => {});
  raw.on('data', onData);
  session.write = (text) => {
    socket.write(text);
  };
  session.pause = () => {
    socket.pause();
  };
  session.resume = () => {
    socket.resume();
  };
  session.end = () => {
    socket.end();
  };
  answer('connect');
}

type Deed = Exclude<Answer, string>['deed'];

const DEEDS: Record<Deed, (what: { raw: Socket; socket: Socket; text: string }) => void> = {
  cut: ({ socket }) => socket.destroy(),
  reset: ({ raw }) => raw.resetAndDestroy(),
  silence: () => {},
  raw: ({ socket, text }) => socket.write(text),
  'byte-by-byte': ({ socket, text }) => {
    for (const byte of Buffer.from(text + CRLF)) socket.write(Buffer.of(byte));
  },
};

/** Where DATA ends, the final dot included. */
function endOfBody(body: Buffer): number | null {
  if (body.subarray(0, 3).equals(Buffer.from(`.${CRLF}`))) return 3;
  const at = body.indexOf(`${CRLF}.${CRLF}`);
  return at < 0 ? null : at + 5;
}

function defaultAnswer(
  step: string,
  session: ScriptedSession,
  options: ScriptedSmtpOptions,
): Answer | undefined {
  const verb = step.split(' ')[0] ?? '';
  if (verb === 'connect') return '220 mail.test ESMTP';
  if (verb === 'EHLO') {
    const starttls = options.tls !== undefined && !session.isSecure ? ['STARTTLS'] : [];
    const lines = [
      'mail.test Hello [127.0.0.1]',
      ...(options.offers ?? ['PIPELINING', '8BITMIME']),
      ...starttls,
    ];
    return lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`).join(CRLF);
  }
  if (verb === 'STARTTLS')
    return options.tls === undefined ? '502 5.5.1 not implemented' : '220 2.0.0 go ahead';
  if (verb === 'DATA') return '354 go ahead';
  if (verb === 'body') return undefined;
  if (verb === '.') return '250 2.6.0 queued';
  if (verb === 'AUTH') return '235 2.7.0 welcome';
  return '250 2.1.0 ok';
}
