/** What health needs from the rooms around it, named by what it reads and not by who gives it. */
import type { Clock } from '../core/clock.ts';
import type { Explanation } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Spool } from '../spool/types.ts';
import type { BoxProbe } from './box-probe.ts';

/** How a route stands; times are epoch milliseconds. */
export interface RouteFacts {
  id: string;
  state: 'open' | 'paused' | 'probing';
  pause: (Explanation & { since: number; until: number; needsPerson: boolean }) | null;
  /** Set while only recipients outside the tenant's own domains wait. */
  outsidePause?: Explanation | null;
  lastSuccessAt: number | null;
  budget: { messagesThisMinute: number; recipientsToday: number };
  limits: { messagesPerMinute: number; recipientsPerDay: number } | null;
  /** End of the access token in hand; null where there is none. It is renewed by itself. */
  tokenExpiresAt: number | null;
  /** End of the client secret, as the config says it; null where it does not. */
  secretExpiresAt: number | null;
  /** End of the client certificate; null where none is used. */
  certificateExpiresAt: number | null;
}

/** A device of the config. */
export interface DeviceIdentity {
  id: string;
  address: string | null;
  profile: string | null;
}

export interface BrokerFacts {
  connected: boolean;
  /** Since when it has been so, epoch milliseconds. */
  since: number;
  /** Why not, when it is not. */
  error: Explanation | null;
}

/** What of the spool health reads; it writes one family of facts. */
export type HealthSpool = Pick<
  Spool,
  | 'stats'
  | 'events'
  | 'latestEvents'
  | 'waiting'
  | 'show'
  | 'onChange'
  | 'getFacts'
  | 'putFact'
  | 'deleteFact'
>;

export interface HealthDeps {
  clock: Clock;
  log: Log;
  spool: HealthSpool;
  version: string;
  /** Age of what was received then, milliseconds; time that only the clock skipped is not counted. */
  ageMs(receivedAt: number): number;
  /** Oldest age a message may reach, hours (`spool.maxAgeHours`). */
  maxAgeHours(): number;
  routes(): RouteFacts[];
  /** Days for which the history is kept (`spool.historyDays`). */
  historyDays(): number;
  /** Whether the code of a refused session says why a device can't send. */
  isTelling(code: string): boolean;
  /** Devices of the config in force. */
  devices(): DeviceIdentity[];
  /** Null when no broker is configured. */
  broker(): BrokerFacts | null;
  /** How far the wall clock is from a server's, milliseconds, ahead positive; null while unknown. */
  clockSkewMs(): number | null;
  box: BoxProbe;
}
