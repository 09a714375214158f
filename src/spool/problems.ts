/** What the spool tells people: every error with its cause and what to do, and how errors cross the thread border. */
import type { Explanation } from '../core/errors.ts';
import { OperatorError } from '../core/errors.ts';
import { describeError } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import { SpoolRefusal, type SpoolRefusalReason, UnfitSettlement } from './types.ts';

/** Errors that end a start or a command. */
export const PROBLEMS = {
  newerVersion: (file: string, found: number, known: number): Explanation => ({
    code: 'spool.newer-version',
    cause: `The spool ${file} was written by a newer Scanferry (schema ${found}; this one knows up to ${known}).`,
    advice: 'Install that newer version again; the spool was left exactly as it is.',
  }),
  inUse: (file: string): Explanation => ({
    code: 'spool.in-use',
    cause: `The spool ${file} is open in another process.`,
    advice: `Stop the other agent or program first (\`fuser ${file}\` shows it); two must not share a data folder.`,
  }),
  notDurable: (level: unknown): Explanation => ({
    code: 'spool.not-durable',
    cause: `The database engine does not wait for the disk (synchronous is ${String(level)}, not 2), so an accepted scan could be lost.`,
    advice: 'Report this with the output of `scanferry version`; no mail is accepted in this state.',
  }),
  notOpened: (file: string, detail: string): Explanation => ({
    code: 'spool.not-opened',
    cause: `The spool ${file} can't be opened: ${detail}.`,
    advice: 'Check that the disk is mounted, is not full, and that the data folder may be written.',
  }),
  bodyErased: (id: MessageId): Explanation => ({
    code: 'spool.body-erased',
    cause: `The body of message ${id} has been erased, because nothing was left to do with it.`,
    advice: 'Scan the document again if it is still needed.',
  }),
  bodyDamaged: (id: MessageId): Explanation => ({
    code: 'spool.body-damaged',
    cause: `The stored body of message ${id} is damaged or was encrypted under another box key.`,
    advice: 'Scan the document again, and replace the disk or SD card if this happens more than once.',
  }),
  unknownMessage: (id: MessageId): Explanation => ({
    code: 'spool.unknown-message',
    cause: `There is no message ${id} in the spool.`,
    advice: '`scanferry queue list` and `scanferry history` show the ids.',
  }),
} as const;

/** Reasons kept with a recipient whose state the spool itself changed. */
export const REASONS = {
  holdExpired: (days: number) => ({
    code: 'spool.hold-expired',
    cause: `Nobody released the message within ${days} days, so its body was erased.`,
  }),
  lostInDamage: {
    code: 'spool.lost-in-damage',
    cause: 'The body could not be read back after the spool file was damaged; scan the document again.',
  },
  heldByOperator: (by: string) => ({
    code: 'operator.held',
    cause: `An operator (${by}) holds the message back until it is released.`,
  }),
  cancelledByOperator: (by: string) => ({
    code: 'operator.cancelled',
    cause: `An operator (${by}) gave the message up.`,
  }),
} as const;

const REFUSALS: Record<SpoolRefusalReason, string> = {
  quota: 'The spool holds as many bytes as its maxBytes setting allows.',
  'held-quota': 'Messages that wait for a person hold as many bytes as they may.',
  'disk-full': 'The disk has too little free space for another message.',
  'disk-error': 'The spool could not be written or read.',
  stopping: 'The spool is not running.',
};

/** A refusal with its sentence. */
export function refusal(reason: SpoolRefusalReason, cause?: unknown): SpoolRefusal {
  return new SpoolRefusal(reason, REFUSALS[reason], cause === undefined ? undefined : { cause });
}

/** SQLite's result code such as `SQLITE_IOERR_WRITE` (sqlite.org/rescode.html), or null for another error. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return error.code.startsWith('SQLITE_') ? error.code : null;
}

/** Whether the file itself is damaged: what can be read has to be carried to a new one. */
export function isDamage(error: unknown): boolean {
  // A bad sector is not wrong bytes but an error of read(2).
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_READ|IOERR_SHORT_READ|IOERR_CORRUPTFS)/.test(sqliteCode(error) ?? '');
}

/** Whether the error says something about the disk, and so fails every write that shares the transaction. */
export function isDiskFailure(error: unknown): boolean {
  const code = sqliteCode(error);
  // Those blame the caller alone: a constraint that doesn't hold, a wrong value, a wrong statement.
  return code !== null && !/^SQLITE_(CONSTRAINT|MISMATCH|ERROR|RANGE|MISUSE|TOOBIG)/.test(code);
}

/** The refusal that a failure of the disk means. */
export function refusalFor(failure: unknown): SpoolRefusal {
  return refusal(sqliteCode(failure) === 'SQLITE_FULL' ? 'disk-full' : 'disk-error', failure);
}

/** A failure of the disk as a refusal; any other error stays what it is. */
export function asRefusal(error: unknown): unknown {
  return isDiskFailure(error) ? refusalFor(error) : error;
}

/** An error in a form that crosses the thread border; class instances don't. */
export type WireError =
  | { kind: 'refusal'; reason: SpoolRefusalReason; cause: string | null }
  | { kind: 'operator'; explanation: Explanation; cause: string | null }
  | { kind: 'unfit'; message: string }
  | { kind: 'error'; message: string; stack: string | null };

export function toWire(error: unknown): WireError {
  const cause = error instanceof Error && error.cause !== undefined ? describeError(error.cause) : null;
  if (error instanceof SpoolRefusal) return { kind: 'refusal', reason: error.reason, cause };
  if (error instanceof OperatorError) return { kind: 'operator', explanation: error.explanation, cause };
  if (error instanceof UnfitSettlement) return { kind: 'unfit', message: error.message };
  const stack = error instanceof Error ? (error.stack ?? null) : null;
  return { kind: 'error', message: describeError(error), stack };
}

export function fromWire(wire: WireError): Error {
  if (wire.kind === 'unfit') return new UnfitSettlement(wire.message);
  if (wire.kind === 'error') return new Error(wire.message, { cause: wire.stack ?? undefined });
  const cause = wire.cause === null ? undefined : new Error(wire.cause);
  if (wire.kind === 'refusal') return refusal(wire.reason, cause);
  return new OperatorError(wire.explanation, { cause });
}
