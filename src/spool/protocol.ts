/** What the agent's thread and the spool's thread say to each other: every call once, with arguments and answer. */
import type { EventRecord, NewEvent } from '../core/events.ts';
import type { LogFields } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import type { WireError } from './problems.ts';
import type { StorageLayout } from './storage.ts';
import type {
  Claim,
  ClaimFilter,
  FinalDot,
  MessageDetail,
  MessageFilter,
  MessageSummary,
  NewMessage,
  OperatorAction,
  Page,
  ReceiveOptions,
  Settlement,
  SpoolInspection,
  SpoolStart,
  SpoolStats,
  TroubleRecord,
  WaitingRecipient,
} from './types.ts';

/** Bytes that own their whole ArrayBuffer, so that they can be handed over without a copy. */
export type OwnedBytes = Uint8Array<ArrayBuffer>;

/** Settings that the thread keeps to; they may change while it runs. */
export interface SpoolBounds {
  maxBytes: number;
  minFreeBytes: number;
  historyDays: number;
  failedKeepDays: number;
  /** Whether the bodies of new messages are encrypted. */
  encrypt: boolean;
}

/** What a new spool thread is told. */
export interface SpoolWorkerData extends SpoolBounds {
  role: 'spool';
  /** Path of the database file. */
  file: string;
  /** The box key, under which body keys are wrapped. */
  key: Uint8Array;
  /** Path of an unpacked better-sqlite3 addon; null where the package's own is used. */
  nativeBinding: string | null;
  layout: StorageLayout;
}

/** Where a body is, with its first chunk: a small one has no other. */
export interface OpenedBody {
  number: number;
  chunkCount: number;
  bodyBytes: number;
  first: OwnedBytes;
}

/** Bytes of a body on its way in. */
export interface IncomingPart {
  number: number;
  /** With the first part: opens the body. A call of its own would be one more way there and back for each message. */
  open: ReceiveOptions | null;
  bytes: OwnedBytes;
}

/** How far housekeeping has come within one round. */
export type HousekeepingCursor = { step: 'expire' | 'history' | 'events'; after: number };

export interface SpoolCalls {
  start: { args: null; result: SpoolStart };
  close: { args: null; result: null };
  configure: { args: SpoolBounds; result: null };
  writeChunk: { args: IncomingPart; result: null };
  commit: { args: IncomingPart & { message: NewMessage }; result: null };
  abort: { args: { number: number }; result: null };
  openBody: { args: { id: MessageId }; result: OpenedBody };
  readChunk: { args: { number: number; index: number }; result: OwnedBytes };
  /** A small body comes with its claim. */
  claimDue: {
    args: { filter: ClaimFilter; limit: number; dueAt: number };
    result: { claim: Claim; body: OpenedBody | null }[];
  };
  nextDueAt: { args: { filter: ClaimFilter }; result: number | null };
  settle: { args: Settlement; result: null };
  unclaim: { args: { id: MessageId }; result: null };
  noteFinalDot: { args: FinalDot; result: null };
  finalDots: { args: null; result: FinalDot[] };
  forgetFinalDot: { args: { id: MessageId }; result: null };
  /** One look at some of the messages; `before` in the answer is where the next look begins, or null. */
  list: {
    args: { filter: MessageFilter; page: Page };
    result: { messages: MessageSummary[]; before: MessageId | null };
  };
  show: { args: { id: MessageId }; result: MessageDetail | null };
  /** One batch of an operator's action; `before` in the answer is where the next batch begins, or null. */
  act: {
    args: { action: OperatorAction; filter: MessageFilter; by: string; before: MessageId | null };
    result: { changed: number; skipped: number; before: MessageId | null };
  };
  stats: { args: null; result: SpoolStats };
  /** One table; `next` in the answer is the one to look at next, or null. */
  inspect: { args: { table: number }; result: SpoolInspection & { next: number | null } };
  waiting: { args: { limit: number }; result: WaitingRecipient[] };
  record: { args: NewEvent; result: null };
  events: { args: { afterSeq: number; limit: number }; result: EventRecord[] };
  latestEvents: { args: { limit: number }; result: EventRecord[] };
  troubles: { args: { afterSeq: number; limit: number }; result: TroubleRecord[] };
  getFacts: { args: { room: string }; result: [key: string, json: string][] };
  putFact: { args: { room: string; key: string; json: string }; result: null };
  deleteFact: { args: { room: string; key: string }; result: null };
  /** Copies the database to a file that is made. */
  copy: { args: { file: string; messages: boolean }; result: null };
  housekeep: { args: HousekeepingCursor; result: HousekeepingCursor | null };
}

export type SpoolOperation = keyof SpoolCalls;

/** An executor for every call, as the spool thread has them. */
export type Executors = {
  [O in SpoolOperation]: (args: SpoolCalls[O]['args'], now: number) => Promise<SpoolCalls[O]['result']>;
};

/** `now` is the agent's wall clock at the time of the call: the spool thread has none of its own. */
export type SpoolRequest = {
  [O in SpoolOperation]: { id: number; now: number; operation: O; args: SpoolCalls[O]['args'] };
}[SpoolOperation];

/** What is sent at once: what one turn of the event loop brought, since each message between threads costs both of them. */
export type SpoolRequests = readonly SpoolRequest[];
export type SpoolAnswers = readonly SpoolAnswer[];

export type SpoolAnswer =
  | { kind: 'value'; id: number; value: unknown }
  | { kind: 'failure'; id: number; error: WireError }
  /** A commit added events or made recipients due. */
  | { kind: 'changed' }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; event: string; fields: LogFields };
