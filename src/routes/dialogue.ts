/**
 * The record of one SMTP dialogue: which command got which reply. It is fed by the transaction log of
 * nodemailer, whose errors alone don't say which command a reply belongs to (a 421 in a pipeline, RFC 2920).
 *
 * Invariants: replies come in the order of the commands; of a command only the verb is kept, because the rest
 * may be a secret; after the 354 one more reply is due, the one to the final dot.
 */
import type { Reply } from '../core/outcome.ts';
import { isClosing, isGoAhead, parseReply } from './reply.ts';
import type { ReplyStage } from './reply-row.ts';

export interface Exchange {
  stage: ReplyStage | 'reset' | 'quit';
  /** Null while the reply is due. */
  reply: Reply | null;
}

export interface Dialogue {
  /** What nodemailer takes as `logger`. */
  readonly logger: Record<'debug' | 'info' | 'warn' | 'error', (entry: unknown, text?: unknown) => void>;
  /** Everything since the greeting, or since the last `beginMessage`. */
  exchanges(): readonly Exchange[];
  /** False once there was a reply that nobody waited for: those before it may belong to other commands, too. */
  isInStep(): boolean;
  /** Whether the last reply was the 354, to DATA, so that nothing but the text is due. */
  isTextDue(): boolean;
  /** Every line of the latest EHLO reply, without codes. */
  extensions(): readonly string[];
  /** Forgets the exchanges before the next message of the same connection. */
  beginMessage(): void;
  /** Says what the next command is: nodemailer masks the commands of its extensions, as they may hold a secret. */
  announce(stage: Exchange['stage']): void;
}

const STAGE_OF_VERB: Record<string, Exchange['stage']> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  STARTTLS: 'starttls',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  '.': 'final',
  RSET: 'reset',
  QUIT: 'quit',
};

function verbOf(command: string): string {
  const end = command.indexOf(' ');
  return end < 0 ? command : command.slice(0, end);
}

/**
 * @param hasUnread whether the other side has said more than was read so far.
 * @param onProgress called at each command and each reply.
 */
export function createDialogue({
  hasUnread,
  onProgress,
}: {
  hasUnread(): boolean;
  onProgress(): void;
}): Dialogue {
  let exchanges: Exchange[] = [{ stage: 'connect', reply: null }];
  let extensions: string[] = [];
  let isInStep = true;
  let announced: Exchange['stage'] | null = null;

  function onCommand(text: string): void {
    // Also in a pipeline (RFC 2920) all commands go before the first reply comes.
    if (hasUnread()) isInStep = false;
    // What is no command of the table is part of a sign-in: AUTH, or, after a 334, a line of its exchange.
    const isSignInLine = exchanges.at(-1)?.reply?.code === 334;
    const known = isSignInLine ? 'auth' : STAGE_OF_VERB[verbOf(text)];
    const stage = announced ?? known ?? 'auth';
    announced = null;
    const isFinalDueAlready = stage === 'final' && exchanges.at(-1)?.stage === 'final';
    if (!isFinalDueAlready) exchanges.push({ stage, reply: null });
    onProgress();
  }

  function onReply(text: string): void {
    const exchange = exchanges.find((candidate) => candidate.reply === null);
    const reply = parseReply(text);
    // A reply that nobody waited for, such as the 421 of a server that goes down, belongs to what came last.
    if (exchange === undefined) exchanges.push({ stage: exchanges.at(-1)?.stage ?? 'connect', reply });
    else exchange.reply = reply;
    if (exchange === undefined && !isClosing(reply)) isInStep = false;
    if (exchange?.stage === 'ehlo') extensions = text.split('\n').map((line) => line.slice(4).trim());
    if (exchange?.stage === 'data' && isGoAhead(reply)) exchanges.push({ stage: 'final', reply: null });
    onProgress();
  }

  const read = (entry: unknown, text?: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('tnx' in entry) || typeof text !== 'string') return;
    if (entry.tnx === 'client') onCommand(text);
    if (entry.tnx === 'server') onReply(text);
  };
  return {
    logger: { debug: read, info: read, warn: read, error: read },
    exchanges: () => exchanges,
    isInStep: () => isInStep,
    isTextDue: () => {
      const last = exchanges.at(-1);
      return isInStep && last?.stage === 'final' && last.reply === null;
    },
    extensions: () => extensions,
    beginMessage: () => {
      exchanges = [];
      isInStep = true;
    },
    announce: (stage) => {
      announced = stage;
    },
  };
}
