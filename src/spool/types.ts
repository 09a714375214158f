/** What the spool offers to the other rooms; its worker thread is behind it. */
import type { Readable } from 'node:stream';
import type { EventRecord, EventType, NewEvent } from '../core/events.ts';
import type {
  DeviceFacts,
  MessageHead,
  MessageId,
  MessageOrigin,
  RecipientState,
  TlsFacts,
} from '../core/message.ts';
import type { UpstreamFacts } from '../core/outcome.ts';
import type { SpoolSettings } from './settings.ts';

/** The envelope that turns received chunks into an accepted message. */
export interface NewMessage {
  id: MessageId;
  receivedAt: number;
  sender: string;
  recipients: string[];
  messageIdHeader: string;
  device: DeviceFacts;
  /** When set, every recipient starts in `held` with this reason (an explanation code and sentence). */
  held: { code: string; cause: string } | null;
  /** What intake had to mend, by name; goes into the message's history. */
  repairs?: string[];
  /** Left out for the scan of a person. */
  origin?: MessageOrigin;
  /** Written in the same commit, so that whoever made the message knows that it did. */
  fact?: { room: string; key: string; value: unknown };
  /**
   * Parts that this message is made of: in the same commit they are settled, their recipients `cancelled`. Each must be
   * wholly held as a part (core/message-partial.ts), or the commit rejects with UnfitSettlement and changes nothing.
   */
  replaces?: MessageId[];
}

/** A body on its way in. Either `commit` or `abort` ends it; a stop or crash counts as abort. */
export interface Receipt {
  /** Hands over a chunk; resolves when the next one may come. Rejects with SpoolRefusal. */
  write(chunk: Buffer): Promise<void>;
  /** Resolves only after the durable commit of body, message, recipients and event. Rejects with SpoolRefusal. */
  commit(message: NewMessage): Promise<void>;
  abort(): Promise<void>;
}

/** What is known of a message before its body comes. */
export interface ReceiveOptions {
  /** Whether its recipients will start in `held`. */
  isHeld: boolean;
}

/** Why the spool takes nothing now: always a passing fault (452), never the device's. */
export type SpoolRefusalReason = 'quota' | 'held-quota' | 'disk-full' | 'disk-error' | 'stopping';

export class SpoolRefusal extends Error {
  readonly reason: SpoolRefusalReason;
  constructor(reason: SpoolRefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SpoolRefusal';
    this.reason = reason;
  }
}

/** A settlement that does not fit its recipients as they are on the disk: to write it again can't help. */
export class UnfitSettlement extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnfitSettlement';
  }
}

/** Which recipient domains may be claimed now; the others' routes are paused or out of budget. */
export type ClaimFilter =
  | { kind: 'all' }
  | { kind: 'only'; domains: string[] }
  | { kind: 'except'; domains: string[] };

/** A message with those of its recipients that are due; they are `sending` until settled. */
export interface Claim {
  head: MessageHead;
  recipients: { id: number; address: string; tries: number }[];
}

/** What becomes of one recipient after an attempt. */
export type RecipientSettlement = { recipientId: number } & (
  | { state: 'delivered'; reply: string }
  | {
      state: 'deferred';
      nextAttemptAt: number;
      spendTry: boolean;
      code: string;
      cause: string;
      reply: string | null;
      uncertain: boolean;
    }
  | {
      state: 'failed' | 'held';
      code: string;
      cause: string;
      reply: string | null;
      /** As with `deferred`: a message that grew too old may have arrived all the same. */
      uncertain?: boolean;
    }
);

/** One attempt and its consequences, written in one transaction together with their events. */
export interface Settlement {
  messageId: MessageId;
  /** Null when no route was tried (nothing can carry it, or it is too old). */
  attempt: {
    routeId: string;
    startedAt: number;
    endedAt: number;
    upstream: UpstreamFacts | null;
    /** What the way itself failed with, and whom that left as they were: it stands in the history of the message. */
    fault?: { recipientIds: number[]; code: string; cause: string; reply: string | null };
  } | null;
  recipients: RecipientSettlement[];
}

/** An attempt whose final dot is about to leave: until it is settled nobody knows whether the other side has the message. */
export interface FinalDot {
  messageId: MessageId;
  routeId: string;
  /** Null where there was no room for it. */
  upstream: UpstreamFacts | null;
  /** Of those in the envelope that were not refused. */
  recipientIds: number[];
  /** Wall clock: the start of the attempt, and of this moment. */
  startedAt: number;
  dotAt: number;
}

/** Which messages an operator means: ids, or a filter. All given fields must hold. */
export interface MessageFilter {
  ids?: MessageId[];
  states?: RecipientState[];
  device?: string;
  sender?: string;
  recipient?: string;
  /** Received at or after, epoch milliseconds. */
  since?: number;
  /** Received before, epoch milliseconds. */
  until?: number;
}

export interface Page {
  limit: number;
  /** Messages older than this id; null starts at the newest. */
  before: MessageId | null;
}

export interface RecipientStatus {
  id: number;
  address: string;
  state: RecipientState;
  tries: number;
  nextAttemptAt: number | null;
  /** Code and sentence of the latest trouble, or null. */
  code: string | null;
  cause: string | null;
}

export interface MessageSummary {
  head: MessageHead;
  recipients: RecipientStatus[];
  hasBody: boolean;
}

export interface AttemptRecord {
  routeId: string;
  startedAt: number;
  endedAt: number;
  host: string | null;
  tls: TlsFacts | null;
  results: {
    address: string;
    state: RecipientState;
    code: string | null;
    cause: string | null;
    reply: string | null;
    uncertain: boolean;
  }[];
}

export interface MessageDetail extends MessageSummary {
  attempts: AttemptRecord[];
  events: EventRecord[];
}

/** A recipient that waits for its next attempt, for whoever reckons when that will be. */
export interface WaitingRecipient {
  id: number;
  /** Equal for the recipients of one message, and for no others. */
  message: number;
  /** Whose turn it waits for: the id of the device, or the address of an unknown one. */
  device: string;
  domain: string;
  nextAttemptAt: number;
}

/** What an operator may do, and from which states: see `OPERATOR_ACTIONS` in actions.ts. */
export type OperatorAction = 'retry' | 'hold' | 'release' | 'cancel';

/** Events that a person may have to act on; of `message.accepted` only those of messages that are held at once. */
const TROUBLE_TYPES = [
  'message.failed',
  'message.held',
  'route.paused',
  'spool.salvaged',
  'message.accepted',
] as const satisfies readonly EventType[];
export type TroubleRecord = Extract<EventRecord, { type: (typeof TROUBLE_TYPES)[number] }>;

export interface SpoolStats {
  recipients: Record<RecipientState, number>;
  /** Attempts in the history whose last reply was lost: each may have delivered a message that was sent again. */
  uncertainAttempts: number;
  /** Received time of the oldest message with an unsettled, unheld recipient. */
  oldestPendingAt: number | null;
  databaseBytes: number;
  bodyBytes: number;
  /** Bytes of the bodies that wait for a person; LIMITS.spoolHeldShareMax of `maxBytes` at most. */
  heldBytes: number;
  maxBytes: number;
  /** Free space of the file system. */
  freeBytes: number;
  /** Why a new message would be refused now, or the latest write failed; null when all is well. */
  refusal: { reason: SpoolRefusalReason; cause: string } | null;
}

/** What the database says of itself when it is looked through. */
export interface SpoolInspection {
  /** Read back from the connection: must be 2 (FULL). */
  synchronous: number;
  journalMode: string;
  /** What SQLite found wrong, or null. */
  trouble: string | null;
}

export interface SpoolStart {
  /** Read back from the connection: must be 2 (FULL). */
  synchronous: number;
  journalMode: string;
  /** Recipients that will be sent to by themselves. */
  pending: number;
  /** Set when a damaged file was put aside and salvaged at this start. */
  salvaged: { damagedFile: string; messages: number; lost: number } | null;
  /** The latest time of an event: a wall clock before it is not set. */
  latestEventAt: number | null;
  /** The highest number of a message or of a body on its way. */
  highestNumber: number;
}

export interface Spool {
  start(): Promise<SpoolStart>;
  /** Commits what is open, closes the database, ends the worker. */
  stop(): Promise<void>;

  /** Keeps to other settings from now on; what is in the spool stays as it is. */
  configure(settings: SpoolSettings): Promise<void>;

  /**
   * Opens a place for one body. Whether quota and free space allow it is told with its first chunk; for one that is
   * going to be held, the share of the quota that held bodies may take counts too.
   */
  receive(options?: ReceiveOptions): Promise<Receipt>;

  /** Claims up to `limit` messages with due recipients; devices take turns, and of each the oldest due goes first. */
  claimDue(now: number, filter: ClaimFilter, limit: number): Promise<Claim[]>;
  /** Earliest time at which an unclaimed recipient under `filter` becomes due, or null. */
  nextDueAt(filter: ClaimFilter): Promise<number | null>;
  /** The body as accepted: headers, CRLF, not dot-stuffed. Errors if the body is erased or damaged. */
  openBody(messageId: MessageId): Promise<Readable>;
  /** Rejects with SpoolRefusal, or with UnfitSettlement when somebody in it is not being sent: nothing is changed then. */
  settle(settlement: Settlement): Promise<void>;
  /** Gives claims back untouched (a stop in the middle); nothing is written but a noted final dot taken out. */
  unclaim(messageId: MessageId): Promise<void>;
  /**
   * Resolves when it is on the disk that this final dot is about to leave, or when the disk takes no note: no scan waits for
   * it. The end of the claim takes the note out. Rejects with SpoolRefusal when the spool's thread has ended.
   */
  noteFinalDot(dot: FinalDot): Promise<void>;
  /**
   * The final dots that earlier runs noted, as found at the start. One that was settled may be among them: then its message
   * has an attempt by the same route with the same start.
   */
  finalDots(): Promise<FinalDot[]>;
  /** Takes a note out; `settle` and `unclaim` do that, too. */
  forgetFinalDot(messageId: MessageId): Promise<void>;

  list(filter: MessageFilter, page: Page): Promise<MessageSummary[]>;
  show(messageId: MessageId): Promise<MessageDetail | null>;
  /** Applies an action to the recipients whose state allows it; says how many changed. */
  act(
    action: OperatorAction,
    filter: MessageFilter,
    by: string,
  ): Promise<{ changed: number; skipped: number }>;
  stats(): Promise<SpoolStats>;
  /** Looks through every table but the bodies, one after the other, so that nobody's 250 waits for all of them. */
  inspect(): Promise<SpoolInspection>;
  /** Who waits for an attempt, the earliest due first; up to LIMITS.spoolAnswerRowsMax. */
  waiting(limit: number): Promise<WaitingRecipient[]>;

  record(event: NewEvent): Promise<void>;
  /** Events after `seq`, oldest first. */
  events(afterSeq: number, limit: number): Promise<EventRecord[]>;
  /** The newest events, oldest first. */
  latestEvents(limit: number): Promise<EventRecord[]>;
  /** Those after `seq` that a person may have to act on (TROUBLE_TYPES); to ask costs nothing while there are none. */
  troubles(afterSeq: number, limit: number): Promise<TroubleRecord[]>;
  /** Calls back after commits that added events or made recipients due; returns the unsubscribe. */
  onChange(listener: () => void): () => void;

  /**
   * Copies the database to `file`, which is made, while everything goes on; without `messages`, only the facts of the
   * rooms. Rejects when the disk is full; what there is of the file is then removed.
   */
  copy(file: string, options: { messages: boolean }): Promise<void>;

  /** Small durable facts of other rooms (learned devices, budgets, sealed tokens), JSON values. */
  getFacts(room: string): Promise<Map<string, unknown>>;
  putFact(room: string, key: string, value: unknown): Promise<void>;
  deleteFact(room: string, key: string): Promise<void>;
}
