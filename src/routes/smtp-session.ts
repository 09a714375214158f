/**
 * One SMTP session with a server, over STARTTLS.
 *
 * Invariants: nothing but EHLO and STARTTLS is said before TLS is up and verified; a session that failed is
 * closed and never used again; every wait has a limit and ends when the signal says stop; whether the final dot
 * was handed to the socket is known at any time.
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { LIMITS } from '../core/limits.ts';
import type { UpstreamFacts } from '../core/outcome.ts';
import type { CertificateFacts } from './certificates.ts';
import type { Endpoint } from './connect.ts';
import type { Exchange } from './dialogue.ts';
import { parseExtensions, type ServerExtensions } from './extensions.ts';
import { AttemptAborted } from './failure.ts';
import { BEARER, createLine, QUESTION, type SessionOptions, type SmtpLine } from './smtp-line.ts';
import type { WireBody } from './wire-body.ts';

export interface Envelope {
  sender: string;
  recipients: string[];
  bodyBytes: number;
}

export interface TransferCourse {
  signal: AbortSignal;
  /** Asked before the final dot may leave, with the recipients that were not refused. */
  beforeFinalDot(taken: readonly string[]): Promise<boolean>;
}

/** How a transfer ended, and everything that was said until then. */
export interface Transfer {
  end: 'answered' | 'lost' | 'aborted' | 'body-failed';
  exchanges: readonly Exchange[];
  /** True once the final dot may have reached the server. */
  isDotSent: boolean;
  /** False where the server gave more replies than it was asked for. */
  isInStep: boolean;
  /** What broke, where `end` is `lost` or `body-failed`. */
  failure: Error | null;
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
  /** Milliseconds since the server greeted. */
  ageMs(): number;
  isOpen(): boolean;
  /** @throws RouteFailure, SessionRefused, AttemptAborted; the session is closed then. */
  signIn(credentials: Credentials, signal: AbortSignal): Promise<void>;
  /** One message. Never throws for what the server or the network did: that is in the transfer. */
  send(envelope: Envelope, body: WireBody, course: TransferCourse): Promise<Transfer>;
  /**
   * Asks whether a message of `sender` to `recipient` would be taken, and takes the question back: nothing is sent.
   * Resolves with what was said. @throws RouteFailure, SessionRefused, AttemptAborted; the session is closed then.
   */
  ask(sender: string, recipient: string, signal: AbortSignal): Promise<readonly Exchange[]>;
  /** The certificates that the server showed, its own first. */
  certificates(): CertificateFacts[];
  /** The first line of its EHLO reply, and everything it offers. */
  hello(): readonly string[];
  /** Says goodbye; the connection is cut when the answer is there, or after LIMITS.routeQuitMaxMs. */
  quit(): void;
  /** Cuts the connection. */
  close(): void;
}

/** Greets, starts TLS, verifies, greets again. @throws RouteFailure, SessionRefused, AttemptAborted */
export async function openSession(
  socket: Socket,
  endpoint: Endpoint,
  options: SessionOptions,
): Promise<SmtpSession> {
  const { clock } = options;
  let body: WireBody | null = null;
  let sent = 0;
  const isBodyComplete = () => body?.isComplete() ?? false;
  const line = createLine(socket, endpoint, { ...options, isBodyComplete });
  const { connection, dialogue } = line;
  try {
    await line.step((done) => connection.connect(done), options.signal);
  } catch (error) {
    connection.close();
    // An abort before the first step leaves the socket where nodemailer does not know it yet.
    socket.destroy();
    throw line.explain(error);
  }
  const upstream = line.upstream();
  const openedAt = clock.monotonicMs();
  options.log.debug('route.session-opened', { ...upstream });

  return {
    upstream,
    extensions: parseExtensions(dialogue.extensions()),
    messages: () => sent,
    ageMs: () => clock.monotonicMs() - openedAt,
    isOpen: () => !connection.destroyed,
    async signIn(credentials, signal) {
      try {
        await line.step((done) => connection.login(toLogin(credentials), done), signal);
      } catch (error) {
        connection.close();
        throw line.explain(error);
      }
    },
    send(envelope, wire, course) {
      // Its first word would pass for the answer to MAIL. As with any kept connection that has ended, a new one is taken.
      if (line.hasUnread()) connection.close();
      body = wire;
      sent += 1;
      dialogue.beginMessage();
      return transfer(line, envelope, { wire, ...course });
    },
    async ask(sender, recipient, signal) {
      dialogue.beginMessage();
      const question = { method: QUESTION, user: sender, pass: recipient };
      try {
        await line.step((done) => connection.login(question, done), signal);
      } catch (error) {
        connection.close();
        throw line.explain(error);
      }
      return dialogue.exchanges();
    },
    certificates: () => line.certificates(),
    hello: () => dialogue.extensions(),
    quit() {
      if (connection.destroyed) return;
      const timer = clock.schedule(LIMITS.routeQuitMaxMs, () => connection.close());
      connection.once('end', () => timer.cancel());
      connection.quit();
    },
    close: () => connection.close(),
  };
}

async function transfer(
  line: SmtpLine,
  envelope: Envelope,
  { wire, signal, beforeFinalDot }: TransferCourse & { wire: WireBody },
): Promise<Transfer> {
  const { connection, dialogue } = line;
  const mayEnd = async () => {
    const goes = await beforeFinalDot(takenOf(envelope, dialogue.exchanges()));
    // Asked last: a reply may have come meanwhile.
    return goes ? line.isWanted() : line.abandon();
  };
  const ended = (end: Transfer['end'], failure: Error | null = null): Transfer => {
    const exchanges = dialogue.exchanges();
    // Whatever is said after a body that was cut short would be taken for its next line.
    const isCutShort = exchanges.some(({ stage }) => stage === 'final') && !wire.isComplete();
    if (end !== 'answered' || isCutShort) connection.close();
    return { end, exchanges, isDotSent: wire.isComplete(), isInStep: dialogue.isInStep(), failure };
  };
  try {
    // nodemailer asks for a stream and calls nothing but what WireText has.
    const text = wire.text({ ...line, mayEnd }) as Readable;
    await line.step((done) => connection.send(toNodemailer(envelope), text, done), signal);
    return ended('answered');
  } catch (error) {
    if (error instanceof AttemptAborted) return ended('aborted');
    if (wire.error() !== null) return ended('body-failed', wire.error());
    if (!isRefusal(error)) return ended('lost', line.explain(error));
    // One reply too many, and the refusal of one recipient stands where DATA was answered.
    await line.settled();
    return ended('answered');
  }
}

/** All but those that were refused for certain: what nobody can read may have been a "yes". */
function takenOf({ recipients }: Envelope, exchanges: readonly Exchange[]): string[] {
  const answers = exchanges.filter(({ stage }) => stage === 'rcpt');
  return recipients.filter((_, index) => (answers[index]?.reply?.code ?? 0) < 400);
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

function toLogin(credentials: Credentials) {
  const { mechanism, user } = credentials;
  return mechanism === 'XOAUTH2'
    ? { method: BEARER, user, pass: credentials.token }
    : { method: mechanism, user, pass: credentials.password };
}

/** nodemailer's codes for an envelope or a message that the server refused by a whole reply. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || Reflect.get(error, 'responseCode') === undefined) return false;
  return ['EENVELOPE', 'EMESSAGE'].includes(String(Reflect.get(error, 'code')));
}
