/** What a route is: one way out of the box, and what it needs. */
import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { MessageHead } from '../core/message.ts';
import type { DeliveryReport, UpstreamFacts } from '../core/outcome.ts';

/** The names a route looks up; Node's `dns.promises.Resolver` fits. */
export interface NameResolver {
  resolveMx(domain: string): Promise<{ exchange: string; priority: number }[]>;
  resolve4(host: string): Promise<string[]>;
  resolve6(host: string): Promise<string[]>;
}

/** Small durable values of this room, sealed by the owner (cached tokens). */
export interface FactStore {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface RouteDeps {
  clock: Clock;
  log: Log;
  resolver: NameResolver;
  /** Name sent in EHLO. */
  hostname: string;
  facts: FactStore;
}

/** A message as a route gets it. `openBody` may be called once per attempt; its chunks are freed when they have left. */
export interface OutgoingMessage {
  head: MessageHead;
  recipients: string[];
  openBody(): Promise<Readable>;
  /**
   * To be asked when nothing but the final dot is left, or a short text with it: from then on the other side may have the
   * message. Where it says no, the attempt ends as by its signal.
   * @param taken those of the recipients that the other side has not refused.
   */
  beforeFinalDot(upstream: UpstreamFacts, taken: readonly string[]): Promise<boolean>;
}

/** Bounds the dispatcher keeps for a route (per mailbox, docs/sources.md, limits). */
export interface RouteLimits {
  messagesPerMinute: number;
  connections: number;
  recipientsPerDay: number;
  recipientsPerMessage: number;
  messageBytesMax: number;
}

/** For health: nothing is asked of anybody. */
export interface SignInFacts {
  /** End of the token in hand, epoch milliseconds. */
  tokenExpiresAt: number | null;
  /** How far our clock was ahead of the sign-in service's at its latest answer. */
  clockSkew: { aheadMs: number; measuredAt: number } | null;
}

export type RouteKind = 'submission' | 'direct-send' | 'connector';

export interface Route {
  readonly id: string;
  readonly kind: RouteKind;
  readonly limits: RouteLimits;
  /** The only recipient domains this way carries; left out, it carries any. */
  readonly domains?: readonly string[];
  /** Domains that are the tenant's own for certain, lower case; left out, none is known. */
  readonly ownDomains?: readonly string[];
  /** Whether this way can carry mail to `recipient` at all (direct send: tenant domains only). */
  canCarry(recipient: string): boolean;
  /**
   * One attempt. Never throws for anything the network or the other side did: that is in the report.
   * A recipient without a result was not touched; after an abort before the final dot that is every one, and
   * `fault` is null then.
   */
  deliver(message: OutgoingMessage, signal: AbortSignal): Promise<DeliveryReport>;
  /** What signing in has shown so far; left out where the route does not sign in by token. */
  signInFacts?(): SignInFacts;
  /** Closes kept connections. */
  stop(): Promise<void>;
}
