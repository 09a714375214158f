/** What the joiner offers and needs. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import type { Spool } from '../spool/types.ts';

export interface JoinDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  /** Name of the box, for the Message-ID of a joined message that brings none. */
  hostname(): string;
  /** Largest message the box makes of parts; larger ones go out as they came. */
  messageBytesMax(): number;
}

export interface Join {
  /** Finds the parts that waited before the start. */
  start(): Promise<void>;
  /** Ends what is under way: a join without its commit leaves the parts as they are. */
  stop(): Promise<void>;
  /** Intake has accepted a part. Returns at once. */
  noticed(id: MessageId): void;
  /** Resolves when every part noticed so far has been looked at. */
  idle(): Promise<void>;
}
