/** What dispatch offers and needs. */
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import type { RoutingRule } from '../routes/settings.ts';
import type { Route } from '../routes/types.ts';
import type { Spool } from '../spool/types.ts';

export interface DispatchDeps {
  clock: Clock;
  log: Log;
  spool: Spool;
  routes: Route[];
  routing: RoutingRule[];
  maxAgeHours: number;
  /** Source of jitter in [0, 1); seeded in tests. */
  random(): number;
}

/** What a reload of the config may replace while dispatch runs. */
export type DispatchChange = Pick<DispatchDeps, 'routes' | 'routing' | 'maxAgeHours'>;

export type RouteState = 'open' | 'paused' | 'probing';

export interface RoutePause {
  code: string;
  cause: string;
  advice: string;
  reply: string | null;
  since: number;
  until: number;
  needsPerson: boolean;
}

/** How a route stands, for operators, health and MQTT. */
export interface RouteStatus {
  id: string;
  kind: string;
  state: RouteState;
  /** Set while paused: why, what to do, when the next try comes. */
  pause: RoutePause | null;
  /** Set while only mail to recipients outside the tenant's own domains waits; the rest goes on. */
  outsidePause?: RoutePause;
  lastSuccessAt: number | null;
  connectionsInUse: number;
  /** Messages that may still go in the running minute, recipients in the running day. */
  budget: { messagesThisMinute: number; recipientsToday: number };
}

/** A route is about to send a message to some of its recipients. */
export interface AttemptStart {
  messageId: MessageId;
  routeId: string;
  recipients: string[];
}

export interface Dispatch {
  start(): Promise<void>;
  /** Ends within LIMITS.roomStopMaxMs; what is under way by then is given back and sent again at the next start. */
  stop(): Promise<void>;
  routes(): RouteStatus[];
  pauseRoute(id: string, by: string): void;
  resumeRoute(id: string, by: string): void;
  /**
   * When these recipients will be tried, about, epoch milliseconds: from their place in the queue, the rates and the
   * pauses. Null where it can't be known; one that doesn't wait is left out.
   */
  forecast(recipientIds: readonly number[]): Promise<Map<number, number | null>>;
  /**
   * Goes on with other routes and rules at once; a route keeps its budget and its pause by its id. Resolves when
   * nothing is under way any more on the routes that were there before: only then they may be stopped.
   */
  replace(change: DispatchChange): Promise<void>;
  /** Calls `listener` at the start of each attempt; returns what ends that. */
  onAttempt(listener: (attempt: AttemptStart) => void): () => void;
  /** Tries everything due now, for a test or a flush. */
  wake(): void;
}
