/**
 * One SMTP session of a simulated host: reads a command, asks the policy, answers, may misbehave on request.
 *
 * Invariants: commands are handled one after the other, so pipelined ones are answered in order; a step takes
 * effect only if the reply really sent was positive, whoever chose it; a message is kept only after a 2xx.
 */
import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { clientCertificateOf } from './client-certificate.ts';
import { BAD_ARGUMENTS, BAD_SEQUENCE, type Conversation, resetEnvelope } from './conversation.ts';
import { createDialogue, type EngineDeps, isPositive } from './dialogue.ts';
import { receiveChunk, receiveData } from './receive.ts';
import { ADVERTISED_BYTES_MAX, type Session, type SessionRecord } from './session.ts';
import { readCredentials } from './smtp-auth.ts';

type Handler = (talk: Conversation, argument: string) => Promise<void>;

const OK = '250 2.0.0 OK';
const UNRECOGNIZED = '500 5.3.3 Unrecognized command';
const TOO_LARGE = '552 5.3.4 Message size exceeds fixed maximum message size';
const MAIL = /^FROM:<([^<>\s]*)>((?:\s+\S+)*)\s*$/i;
const RCPT = /^TO:<([^<>\s]+)>((?:\s+\S+)*)\s*$/i;

const HANDLERS: Record<string, Handler> = {
  EHLO: hello,
  HELO: hello,
  STARTTLS: starttls,
  AUTH: auth,
  MAIL: mail,
  RCPT: rcpt,
  DATA: receiveData,
  BDAT: receiveChunk,
  RSET: reset,
  NOOP: (talk) => talk.dialogue.send(OK),
  QUIT: quit,
};

/** Serves `socket` until it ends; `record` is filled as the session goes. */
export async function serveSession(deps: EngineDeps, socket: Socket, record: SessionRecord): Promise<void> {
  const { policy, clock } = deps;
  const dialogue = createDialogue(deps, socket);
  const talk: Conversation = { deps, dialogue, session: newSession(record), record, chunked: null };
  const lifetime = clock.schedule(policy.sessionMaxMs, () => {
    const minutes = String(Math.round(policy.sessionMaxMs / 60_000)).padStart(2, '0');
    dialogue.close(`421 4.4.1 Connection timed out. Total session duration: 00:${minutes}:00`);
  });
  try {
    const date = new Date(clock.now()).toUTCString();
    await dialogue.answer('connect', `220 ${policy.hostname} Microsoft ESMTP MAIL Service ready at ${date}`);
    while (!dialogue.isOver()) await nextCommand(talk);
  } finally {
    lifetime.cancel();
    resetEnvelope(talk);
    record.failure ??= dialogue.failure();
    policy.ended(talk.session);
    dialogue.close();
  }
}

function newSession(record: SessionRecord): Session {
  return {
    host: record.host,
    address: record.address,
    startedAt: record.startedAt,
    ehlo: null,
    tls: null,
    clientCertificate: null,
    user: null,
    sender: null,
    recipients: [],
  };
}

async function nextCommand(talk: Conversation): Promise<void> {
  const { dialogue, record, session } = talk;
  const line = await dialogue.readLine();
  if (line.kind === 'closed') return dialogue.end();
  if (line.kind === 'too-long') return dialogue.close('500 5.5.2 Line too long');
  const [, word = '', argument = ''] = /^(\S*)\s*(.*)$/.exec(line.text) ?? [];
  const verb = word.toUpperCase();
  const handler = Object.hasOwn(HANDLERS, verb) ? HANDLERS[verb] : undefined;
  if (record.commands.length < LIMITS.sandboxCommandsMax) {
    record.commands.push(`${handler ? verb : '?'}${session.tls ? '' : ' (plain)'}`);
  }
  await (handler ? handler(talk, argument.trim()) : dialogue.send(UNRECOGNIZED));
}

async function hello(talk: Conversation, argument: string): Promise<void> {
  const { dialogue, session, record } = talk;
  const { policy } = talk.deps;
  if (argument === '') return dialogue.send(BAD_ARGUMENTS);
  const lines = [`${policy.hostname} Hello [${session.address}]`, ...policy.capabilities(session)];
  const reply = lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}`).join('\n');
  if (!(await dialogue.answer(session.tls ? 'ehlo-tls' : 'ehlo', reply))) return;
  resetEnvelope(talk);
  session.ehlo = argument;
  record.ehlo = argument;
}

async function starttls(talk: Conversation): Promise<void> {
  const { dialogue, session, record } = talk;
  const faults = talk.deps.faults();
  if (faults.stripStarttls || faults.plainTextOnly) return dialogue.send(UNRECOGNIZED);
  if (session.tls) return dialogue.send(BAD_SEQUENCE);
  const reply = await dialogue.choose('starttls', '220 2.0.0 SMTP server ready');
  if (reply === null) return;
  if (!isPositive(reply)) return dialogue.send(reply);
  if (faults.cutAt === 'tls' || faults.silentAt === 'tls') {
    await dialogue.send(reply);
    await dialogue.choose('tls', '');
    return;
  }
  if (faults.tlsAlert !== null) return dialogue.alert(reply, faults.tlsAlert);
  const upgraded = await dialogue.upgrade(reply);
  if ('failure' in upgraded) {
    record.failure = upgraded.failure;
    return dialogue.cut();
  }
  const { socket } = upgraded;
  session.tls = { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name };
  record.tls = session.tls;
  session.clientCertificate = clientCertificateOf(
    socket,
    talk.deps.policy.clientAuthorities() ?? [],
    talk.deps.clock.now(),
  );
  // What was learned in clear is forgotten (RFC 3207 section 4.2).
  session.ehlo = null;
  resetEnvelope(talk);
}

async function auth(talk: Conversation, argument: string): Promise<void> {
  const { dialogue, session, record } = talk;
  const { policy } = talk.deps;
  if (session.ehlo === null || session.user !== null) return dialogue.send(BAD_SEQUENCE);
  const read = await readCredentials(argument, policy.mechanisms(session), async (prompt) => {
    await dialogue.send(`334 ${prompt}`);
    const line = await dialogue.readLine();
    return line.kind === 'line' ? line.text : null;
  });
  if (read.kind === 'gone') return dialogue.end();
  const user = read.kind === 'credentials' ? read.credentials.user.toLowerCase() : null;
  const reply = read.kind === 'credentials' ? policy.signIn(session, read.credentials) : read.text;
  const isAccepted = await dialogue.answer('auth', reply, user === null ? {} : { user });
  if (!isAccepted || user === null) return;
  session.user = user;
  record.user = user;
  policy.signedIn(session);
}

async function mail(talk: Conversation, argument: string): Promise<void> {
  const { dialogue, session } = talk;
  if (session.ehlo === null || session.sender !== null) return dialogue.send(BAD_SEQUENCE);
  const [, sender, parameters = ''] = MAIL.exec(argument) ?? [];
  if (sender === undefined) return dialogue.send(BAD_ARGUMENTS);
  const declared = Number(/\bSIZE=(\d+)/i.exec(parameters)?.[1] ?? 0);
  const reply = declared > ADVERTISED_BYTES_MAX ? TOO_LARGE : talk.deps.policy.mail(session, sender);
  if (await dialogue.answer('mail', reply, { sender })) session.sender = sender;
}

async function rcpt(talk: Conversation, argument: string): Promise<void> {
  const { dialogue, session } = talk;
  if (session.sender === null) return dialogue.send(BAD_SEQUENCE);
  const [, recipient] = RCPT.exec(argument) ?? [];
  if (recipient === undefined) return dialogue.send(BAD_ARGUMENTS);
  const reply = talk.deps.policy.rcpt(session, recipient);
  const about = { recipients: [recipient], sender: session.sender };
  if (await dialogue.answer('rcpt', reply, about)) session.recipients.push(recipient);
}

async function reset(talk: Conversation): Promise<void> {
  if (await talk.dialogue.answer('rset', OK)) resetEnvelope(talk);
}

async function quit(talk: Conversation): Promise<void> {
  await talk.dialogue.answer('quit', '221 2.0.0 Service closing transmission channel');
  talk.dialogue.end();
}
