/**
 * One SMTP session with a server, over STARTTLS, on nodemailer's SMTPConnection.
 *
 * Invariants: nothing but EHLO and STARTTLS is said before TLS is up and verified; a session that failed is
 * closed and never used again; every wait has a limit and ends when the signal says stop; whether the final dot
 * was handed to the socket is known at any time.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection/index.js';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { TlsFacts } from '../core/message.ts';
import type { UpstreamFacts } from '../core/outcome.ts';
import type { Bounds } from './bounds.ts';
import type { Endpoint } from './connect.ts';
import { createDialogue, type Exchange } from './dialogue.ts';
import { parseExtensions, type ServerExtensions } from './extensions.ts';
import { AttemptAborted, connectionFailure, type RouteFailure, throwIfAborted } from './failure.ts';
import { explainSessionError } from './session-errors.ts';
import { createWatchdog } from './watchdog.ts';
import type { WireBody } from './wire-body.ts';

export interface SessionOptions extends Bounds {
  log: Log;
  /** Name for EHLO. */
  hostname: string;
  tls: SecureContext;
}

export interface Envelope {
  sender: string;
  recipients: string[];
  bodyBytes: number;
}

/** How a transfer ended, and everything that was said until then. */
export interface Transfer {
  end: 'answered' | 'lost' | 'aborted' | 'body-failed';
  exchanges: readonly Exchange[];
  /** True once the final dot may have reached the server. */
  isDotSent: boolean;
  /** What broke, where `end` is `lost` or `body-failed`. */
  failure: RouteFailure | Error | null;
}

export type Credentials =
  | { mechanism: 'LOGIN' | 'PLAIN'; user: string; password: string }
  | { mechanism: 'XOAUTH2'; user: string; token: string };

export interface SmtpSession {
  readonly upstream: UpstreamFacts;
  /** What the server offers, as said after TLS. */
  readonly extensions: ServerExtensions;
  /** Messages sent so far. */
  messages(): number;
  isOpen(): boolean;
  /** @throws RouteFailure, AttemptAborted; the session is closed then. */
  signIn(credentials: Credentials, signal: AbortSignal): Promise<void>;
  /** One message. Never throws for what the server or the network did: that is in the transfer. */
  send(envelope: Envelope, body: WireBody, signal: AbortSignal): Promise<Transfer>;
  /** Says goodbye; the connection is cut when the answer is there, or after LIMITS.routeQuitMaxMs. */
  quit(): void;
  /** Cuts the connection. */
  close(): void;
}

type Done = (error?: Error | null) => void;

/**
 * What our XOAUTH2 is called toward nodemailer: asked for `XOAUTH2` without its own token maker, it takes the
 * first mechanism that the server offers, which would send the token as a LOGIN password.
 */
const BEARER = 'BEARER';

/** Greets, starts TLS, verifies, greets again. @throws RouteFailure, AttemptAborted */
export async function openSession(
  socket: Socket,
  endpoint: Endpoint,
  options: SessionOptions,
): Promise<SmtpSession> {
  const where = `${endpoint.host}:${endpoint.port}`;
  const address = socket.remoteAddress ?? null;
  let body: WireBody | null = null;
  let sent = 0;
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  const watchdog = createWatchdog(options.clock, () => fail(connectionFailure('route.timeout', where)));
  let isWaiting = false;
  const feed = () => {
    if (isWaiting) watchdog.feed(dialogue.exchanges(), body?.isComplete() ?? false);
  };
  const dialogue = createDialogue(feed);
  const connection = new SMTPConnection({
    connection: socket,
    host: endpoint.host,
    port: endpoint.port,
    name: options.hostname,
    secure: false,
    requireTLS: true,
    tls: {
      host: endpoint.host,
      secureContext: options.tls,
      rejectUnauthorized: true,
    },
    customAuth: { [BEARER]: signInWithToken },
    logger: dialogue.logger,
    transactionLog: true,
    maxResponseSize: LIMITS.routeReplyBytesMax,
    // The watchdog has the shorter limits; these only back it up.
    connectionTimeout: LIMITS.sessionMaxMs,
    greetingTimeout: LIMITS.sessionMaxMs,
    socketTimeout: LIMITS.sessionMaxMs,
    // A closed session is cut at once: waiting for the other side's FIN would hold up a stop.
    socketCloseTimeout: 0,
  });

  function fail(error: Error): void {
    broken.reject(error);
    connection.close();
  }
  connection.on('error', fail);
  connection.on('end', () => broken.reject(connectionFailure('route.closed', where)));

  /** Runs one step of nodemailer under the watchdog and the signal. */
  async function step(start: (done: Done) => void, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const done = Promise.withResolvers<void>();
    const onAbort = () => fail(new AttemptAborted());
    signal.addEventListener('abort', onAbort, { once: true });
    isWaiting = true;
    feed();
    try {
      start((error) => (error ? done.reject(error) : done.resolve()));
      await Promise.race([done.promise, broken.promise]);
    } finally {
      isWaiting = false;
      watchdog.rest();
      signal.removeEventListener('abort', onAbort);
    }
  }

  const upstreamNow = (): UpstreamFacts => ({ ...endpoint, address, tls: tlsFactsOf(connection._socket) });
  const asFailure = (error: unknown) =>
    explainSessionError(error, { exchanges: dialogue.exchanges(), where, upstream: upstreamNow() });

  try {
    await step((done) => connection.connect(done), options.signal);
  } catch (error) {
    connection.close();
    throw asFailure(error);
  }
  const upstream = upstreamNow();
  const extensions = parseExtensions(dialogue.extensions());
  options.log.debug('route.session-opened', { ...upstream });

  async function run(envelope: Envelope, wire: WireBody, signal: AbortSignal): Promise<Transfer> {
    const ended = (end: Transfer['end'], failure: Error | null = null): Transfer => {
      const exchanges = dialogue.exchanges();
      // Whatever is said after a body that was cut short would be taken for its next line.
      const isCutShort = exchanges.some(({ stage }) => stage === 'final') && !wire.isComplete();
      if (end !== 'answered' || isCutShort) connection.close();
      return { end, exchanges, isDotSent: wire.isComplete(), failure };
    };
    try {
      await step((done) => connection.send(toNodemailer(envelope), wire.stream(feed), done), signal);
      return ended('answered');
    } catch (error) {
      if (error instanceof AttemptAborted) return ended('aborted');
      if (wire.error() !== null) return ended('body-failed', wire.error());
      return isRefusal(error) ? ended('answered') : ended('lost', asFailure(error));
    }
  }

  return {
    upstream,
    extensions,
    messages: () => sent,
    isOpen: () => !connection.destroyed,
    async signIn(credentials, signal) {
      const auth =
        credentials.mechanism === 'XOAUTH2'
          ? { method: BEARER, user: credentials.user, pass: credentials.token }
          : { method: credentials.mechanism, user: credentials.user, pass: credentials.password };
      try {
        await step((done) => connection.login(auth, done), signal);
      } catch (error) {
        connection.close();
        throw asFailure(error);
      }
    },
    async send(envelope, wire, signal) {
      body = wire;
      sent += 1;
      dialogue.beginMessage();
      // The watchdog sees each wait; this one sees a server that always moves just enough.
      const deadline = options.clock.schedule(LIMITS.sessionMaxMs, () =>
        fail(connectionFailure('route.timeout', where)),
      );
      try {
        return await run(envelope, wire, signal);
      } finally {
        deadline.cancel();
      }
    },
    quit() {
      if (connection.destroyed) return;
      const timer = options.clock.schedule(LIMITS.routeQuitMaxMs, () => connection.close());
      connection.once('end', () => timer.cancel());
      connection.quit();
    },
    close: () => connection.close(),
  };
}

/** BODY=8BITMIME is declared whenever it is offered: it permits 8-bit and promises nothing (RFC 6152 section 2). */
function toNodemailer(envelope: Envelope) {
  return {
    from: envelope.sender,
    to: [...envelope.recipients],
    size: envelope.bodyBytes,
    use8BitMime: true,
  };
}

/** nodemailer's codes for an envelope or a message that the server refused by a whole reply. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || Reflect.get(error, 'responseCode') === undefined) return false;
  return ['EENVELOPE', 'EMESSAGE'].includes(String(Reflect.get(error, 'code')));
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
 * client answers with an empty line to get the 535 (Google's form; facts say to handle both).
 */
async function signInWithToken(context: SMTPConnection.CustomAuthenticationContext): Promise<void> {
  const { user, pass } = context.auth.credentials;
  const response = Buffer.from(`user=${user}\x01auth=Bearer ${pass}\x01\x01`).toString('base64');
  let reply = await context.sendCommand(`AUTH XOAUTH2 ${response}`);
  if (reply.status === 334) reply = await context.sendCommand('');
  if (reply.status !== 235) throw new Error('the server refused the token');
}
