/** The only file that knows smtp-server: two servers that never listen, one for plain text and one behind TLS. */
import type { Socket } from 'node:net';
import {
  SMTPServer,
  type SMTPServerAddress,
  type SMTPServerAuthentication,
  type SMTPServerOptions,
  type SMTPServerSession,
} from 'smtp-server';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { TextPiece } from './message-text.ts';
import { type ReplyCode, replyError } from './replies.ts';
import { type Credentials, MECHANISMS } from './sign-in.ts';
import type { ServerCertificate } from './types.ts';
import type { Wire } from './wire.ts';

export interface Envelope {
  sender: string;
  recipients: string[];
  /** Protocol for the Received field, such as `ESMTPSA`. */
  protocol: string;
}

/** What one session decides when smtp-server asks; a code refuses. */
export interface Dialogue {
  signIn(credentials: Credentials): { user: string } | ReplyCode;
  sender(address: string, parameters: { declaredBytes: number; smtpUtf8: boolean }): ReplyCode | null;
  recipient(address: string, already: number): ReplyCode | null;
  /** Reads `text` to its end, whatever it decides; resolves with the id of the accepted message. */
  message(text: AsyncIterable<TextPiece>, envelope: Envelope): Promise<{ id: string } | ReplyCode>;
}

type EngineWire = Pick<Wire, 'serverEnd' | 'messageText'>;

interface EngineSession {
  dialogue: Dialogue;
  wire: EngineWire;
}

export interface Engine {
  /** Begins a session on `wire`; smtp-server greets it at once. */
  connect(wire: EngineWire, remoteAddress: string, isSecure: boolean, dialogue: Dialogue): void;
}

/** Commands that no device needs: old jokes of sendmail, and those that trust what a proxy says. */
const DISABLED = ['WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD', 'STARTTLS'];

export interface EngineDeps {
  hostname: string;
  log: Log;
  /** Never shown: TLS is ours. Given so that smtp-server does not load its own, whose private key is public. */
  certificate: ServerCertificate;
}

export function createEngine(deps: EngineDeps): Engine {
  const sessions = new Map<string, EngineSession>();
  let lastId = 0;

  function sessionOf({ id }: SMTPServerSession): EngineSession {
    const session = sessions.get(id);
    if (!session) throw new Error('smtp-server asked for a session that has ended');
    return session;
  }

  const dialogueOf = (session: SMTPServerSession): Dialogue => sessionOf(session).dialogue;

  function createServer(isSecure: boolean): SMTPServer {
    const options: SMTPServerOptions = {
      // Judges nobody. Left out, Node.js reads all the roots of the web: 30 ms and 1 MiB.
      ...{ ...deps.certificate, ca: [] },
      ...{ name: deps.hostname, banner: 'Scanferry', heloResponse: '%s' },
      ...{ secure: isSecure, secured: isSecure, logger: false, disableReverseLookup: true },
      ...{ disabledCommands: DISABLED, hideENHANCEDSTATUSCODES: false },
      ...{ authMethods: [...MECHANISMS], authOptional: true, allowInsecureAuth: true },
      maxCommandLength: LIMITS.commandLineBytesMax,
      onAuth: (auth, session, done) => answerSignIn(dialogueOf(session), auth, done),
      // Left out, these three cost a turn of the event loop each.
      onConnect: (_session, done) => done(),
      onSecure: (_socket, _session, done) => done(),
      onClose: ({ id }) => void sessions.delete(id),
      onMailFrom: (address, session, done) => done(answerSender(dialogueOf(session), address)),
      onRcptTo(address, session, done) {
        const code = dialogueOf(session).recipient(address.address, session.envelope.rcptTo.length);
        done(code === null ? null : replyError(code));
      },
      onData(empty, session, done) {
        empty.resume();
        const { dialogue, wire } = sessionOf(session);
        dialogue.message(wire.messageText(), envelopeOf(session)).then(
          (result) =>
            typeof result === 'string'
              ? done(replyError(result))
              : done(null, `Message accepted as ${result.id}`),
          (error: unknown) => {
            deps.log.error('intake.failed', { error: describeError(error) });
            done(replyError('intake.internal-error'));
          },
        );
      },
    };
    const server = new SMTPServer(options);
    // A device that resets its connection is everyday life; the session itself notices and tells.
    server.on('error', (error) => deps.log.debug('intake.connection-error', { error: describeError(error) }));
    return server;
  }

  const servers = { plain: createServer(false), secure: createServer(true) };

  return {
    connect(wire, remoteAddress, isSecure, dialogue) {
      lastId += 1;
      const id = String(lastId);
      sessions.set(id, { dialogue, wire });
      // smtp-server uses of a socket only what server-end.ts has.
      const socket = wire.serverEnd as unknown as Socket;
      const server = servers[isSecure ? 'secure' : 'plain'];
      server.connect(socket, { id, remoteAddress });
      greetNow(server);
    },
  };
}

/**
 * smtp-server waits 100 ms before it greets, to catch whoever talks too early. On this side of wire.ts nobody can,
 * so the connection is told at once that the wait is over; the end of its own wait must not greet again. It is the only
 * one in the set, as each is taken out here: smtp-server counts them only for limits and for a stop that are not used.
 */
function greetNow(server: SMTPServer): void {
  const [connection] = server.connections;
  if (connection === undefined) return;
  server.connections.delete(connection);
  connection.connectionReady();
  connection.connectionReady = () => {};
}

type AuthDone = (error: Error | null | undefined, response?: { user?: unknown }) => void;

function answerSignIn(dialogue: Dialogue, auth: SMTPServerAuthentication, done: AuthDone): void {
  const proof: Credentials['proof'] =
    auth.method === 'CRAM-MD5'
      ? { kind: 'challenge', matches: (password) => auth.validatePassword(password) }
      : { kind: 'password', password: auth.password ?? '' };
  const result = dialogue.signIn({ user: auth.username ?? '', proof });
  if (typeof result === 'string') done(replyError(result));
  else done(null, { user: result.user });
}

function answerSender(dialogue: Dialogue, address: SMTPServerAddress): Error | null {
  const parameters = address.args || {};
  const code = dialogue.sender(address.address, {
    declaredBytes: Number(parameters['SIZE'] ?? 0),
    smtpUtf8: 'SMTPUTF8' in parameters,
  });
  return code === null ? null : replyError(code);
}

function envelopeOf(session: SMTPServerSession): Envelope {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    sender: mailFrom ? mailFrom.address : '',
    recipients: rcptTo.map((recipient) => recipient.address),
    protocol: session.transmissionType,
  };
}
