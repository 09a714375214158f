/**
 * A connection of nodemailer under watch: each step ends by its result, by the watchdog, or by the signal, and the
 * record of the dialogue says how far it came. nodemailer knows only errors; what they mean is decided here.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection/index.js';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { TlsFacts } from '../core/message.ts';
import type { UpstreamFacts } from '../core/outcome.ts';
import type { Bounds } from './bounds.ts';
import { type CertificateFacts, chainOf } from './certificates.ts';
import type { Endpoint } from './connect.ts';
import { createDialogue, type Dialogue } from './dialogue.ts';
import { stuffDotsNatively } from './dot-stuffing.ts';
import { AttemptAborted, connectionFailure, throwIfAborted } from './failure.ts';
import { explainSessionError } from './session-errors.ts';
import { createWatchdog } from './watchdog.ts';

stuffDotsNatively();

/** Between two turns the sockets are polled once. */
const SETTLED_TURNS = 2;

export interface SessionOptions extends Bounds {
  log: Log;
  /** Name for EHLO. */
  hostname: string;
  tls: SecureContext;
}

export type Done = (error?: Error | null) => void;

export interface SmtpLine {
  readonly connection: SMTPConnection;
  readonly dialogue: Dialogue;
  /** Runs one step of nodemailer. Rejects with what it failed with; `explain` makes sense of it. */
  step(start: (done: Done) => void, signal: AbortSignal): Promise<void>;
  /** Tells that something moved in the running step. */
  moved(): void;
  /** Resolves when the replies that came along with the last one were read. */
  settled(): Promise<void>;
  /** Once settled: whether nothing but the text is due. Where it is not, the step fails. */
  isWanted(): Promise<boolean>;
  /** Ends the running step as its signal would; false, for who asked whether to go on. */
  abandon(): false;
  /** Whether the other side has said something that nothing was asked for. */
  hasUnread(): boolean;
  /** Does `write`; all that it writes leaves in one record of TLS. */
  together(write: () => void): void;
  /** Waits for what was written to have left the process; false where it can't be told, or never will. */
  flushed(): Promise<boolean>;
  explain(error: unknown): Error;
  upstream(): UpstreamFacts;
  /** The certificates of the other side, its own first; empty without TLS. */
  certificates(): CertificateFacts[];
}

/**
 * What our XOAUTH2 is called toward nodemailer: asked for `XOAUTH2` without its own token maker, it takes the
 * first mechanism that the server offers, which would send the token as a LOGIN password.
 */
export const BEARER = 'BEARER';

/** Our name for a question without a message: the only way nodemailer has to say single commands. */
export const QUESTION = 'QUESTION';

/** @param isBodyComplete whether the final dot was handed over, which decides how long its reply may take. */
export function createLine(
  socket: Socket,
  endpoint: Endpoint,
  options: SessionOptions & { isBodyComplete(): boolean },
): SmtpLine {
  const where = `${endpoint.host}:${endpoint.port}`;
  const address = socket.remoteAddress ?? null;
  const watchdog = createWatchdog(options.clock, () => fail(connectionFailure('route.timeout', where)));
  let running: PromiseWithResolvers<void> | null = null;
  let broken: Error | null = null;
  const moved = () => {
    if (running !== null) watchdog.feed(dialogue.exchanges(), options.isBodyComplete());
  };
  const dialogue = createDialogue({ hasUnread: () => hasUnread(connection), onProgress: moved });
  const connection: SMTPConnection = new SMTPConnection(
    connectionOptions(socket, endpoint, { ...options, dialogue }),
  );
  connection.on('error', fail);
  connection.on('end', () => breakOff(connectionFailure('route.closed', where)));

  /** What came first is the reason. */
  function breakOff(error: Error): void {
    broken ??= error;
    running?.reject(broken);
  }

  function fail(error: Error): void {
    breakOff(error);
    connection.close();
  }

  /** nodemailer reads the replies of one packet in a turn of the event loop each. What comes with the next poll counts, too. */
  async function settled(): Promise<void> {
    let turns = 0;
    do await nextTurn();
    while (++turns < SETTLED_TURNS || (hasWholeReply(connection) && !connection.destroyed));
  }

  const upstream = (): UpstreamFacts => ({ ...endpoint, address, tls: tlsFactsOf(connection._socket) });

  return {
    connection,
    dialogue,
    async step(start, signal) {
      throwIfAborted(signal);
      const step = Promise.withResolvers<void>();
      const onAbort = () => fail(new AttemptAborted());
      signal.addEventListener('abort', onAbort);
      running = step;
      watchdog.begin();
      moved();
      try {
        start((error) => (error ? step.reject(error) : step.resolve()));
        if (broken !== null) step.reject(broken);
        await step.promise;
      } finally {
        running = null;
        watchdog.rest();
        signal.removeEventListener('abort', onAbort);
      }
    },
    moved,
    settled,
    async isWanted() {
      await settled();
      if (!dialogue.isTextDue() || hasUnread(connection)) fail(connectionFailure('route.protocol', where));
      return !connection.destroyed;
    },
    abandon() {
      fail(new AttemptAborted());
      return false;
    },
    hasUnread: () => hasUnread(connection),
    async flushed() {
      const socket = connection._socket;
      if (!(socket instanceof TLSSocket)) return false;
      // The pipe writes on at the drain, before this goes on: what it wrote is waited for, too.
      while (socket.writableNeedDrain) {
        await drained(socket);
        moved();
      }
      return !socket.destroyed && socket.writableLength === 0 && !hasUnwritten(connection);
    },
    together(write) {
      const socket = connection._socket;
      if (!(socket instanceof TLSSocket)) return write();
      socket.cork();
      try {
        write();
      } finally {
        socket.uncork();
      }
    },
    explain: (error) =>
      explainSessionError(error, { exchanges: dialogue.exchanges(), where, upstream: upstream() }),
    upstream,
    certificates: () => (connection._socket instanceof TLSSocket ? chainOf(connection._socket) : []),
  };
}

function connectionOptions(
  socket: Socket,
  { host, port }: Endpoint,
  { hostname, tls, dialogue }: SessionOptions & { dialogue: Dialogue },
): SMTPConnection.Options {
  return {
    connection: socket,
    host,
    port,
    name: hostname,
    secure: false,
    requireTLS: true,
    tls: { host, secureContext: tls, rejectUnauthorized: true },
    customAuth: {
      [BEARER]: signInWithToken,
      [QUESTION]: (question) => askWithoutMessage(question, dialogue),
    },
    logger: dialogue.logger,
    transactionLog: true,
    maxResponseSize: LIMITS.routeReplyBytesMax,
    // The watchdog has the shorter limits; these only back it up.
    connectionTimeout: LIMITS.sessionMaxMs,
    greetingTimeout: LIMITS.sessionMaxMs,
    socketTimeout: LIMITS.sessionMaxMs,
    // A closed session is cut at once: waiting for the other side's FIN would hold up a stop.
    socketCloseTimeout: 0,
  };
}

/** Fields that nodemailer keeps to itself: the tests fail where it has others. */
interface Kept {
  _responseQueue: readonly string[];
  /** Whether the last in the queue has lines to come. */
  _responsePartial: boolean;
  /** A line without its end. */
  _remainder: string;
  /** The text on its way from the spool to the socket. */
  _currentDataStream?: Duplex | false;
}

function hasWholeReply(connection: SMTPConnection): boolean {
  const { _responseQueue, _responsePartial } = connection as unknown as Kept;
  return _responseQueue.length > (_responsePartial ? 1 : 0);
}

/** A reply that waits to be read, or has begun. */
function hasUnread(connection: SMTPConnection): boolean {
  const { _responseQueue, _remainder } = connection as unknown as Kept;
  return _responseQueue.length > 0 || _remainder.trim() !== '';
}

/** Whether text waits before the socket; true where that can't be told. */
function hasUnwritten(connection: SMTPConnection): boolean {
  const { _currentDataStream: text } = connection as unknown as Kept;
  return !text || text.writableLength > 0 || text.readableLength > 0;
}

/** Resolves with the next drain, and when there will be none. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      socket.off('drain', end).off('close', end);
      resolve();
    };
    socket.on('drain', end).on('close', end);
  });
}

/** nodemailer has no other way to reach the socket; it marks the field as public. */
function tlsFactsOf(socket: unknown): TlsFacts | null {
  if (!(socket instanceof TLSSocket)) return null;
  const protocol = socket.getProtocol();
  const cipher = socket.getCipher();
  return protocol === null || cipher === undefined
    ? null
    : { protocol, cipher: cipher.standardName ?? cipher.name };
}

/**
 * SASL XOAUTH2: the token in the initial response. A refusal is a 535 at once, or a 334 with JSON that the
 * client answers with an empty line to get the 535 (Google's form, which others are said to use too).
 */
async function signInWithToken(context: SMTPConnection.CustomAuthenticationContext): Promise<void> {
  const { user, pass } = context.auth.credentials;
  const response = Buffer.from(`user=${user}\x01auth=Bearer ${pass}\x01\x01`).toString('base64');
  let reply = await context.sendCommand(`AUTH XOAUTH2 ${response}`);
  if (reply.status === 334) reply = await context.sendCommand('');
  if (reply.status !== 235) throw new Error('the server refused the token');
}

/**
 * MAIL and RCPT, taken back by RSET before there is a message (RFC 5321 section 4.1.1.5): the replies tell whether one
 * would be taken. They are read from the record of the dialogue.
 */
async function askWithoutMessage(
  { auth, sendCommand }: SMTPConnection.CustomAuthenticationContext,
  dialogue: Dialogue,
): Promise<void> {
  const { user: sender, pass: recipient } = auth.credentials;
  dialogue.announce('mail');
  const mail = await sendCommand(`MAIL FROM:<${sender}>`);
  dialogue.announce('rcpt');
  if (isTaken(mail)) await sendCommand(`RCPT TO:<${recipient}>`);
  dialogue.announce('reset');
  await sendCommand('RSET');
}

function isTaken({ status }: { status?: number }): boolean {
  return status !== undefined && status >= 200 && status < 300;
}
