/** What became of an attempt: an answer for each recipient, or a fault of the route itself. */
import type { Explanation } from './errors.ts';
import type { TlsFacts } from './message.ts';

/** A reply of the other side, as it came (RFC 5321 section 4.2, RFC 2034). */
export interface Reply {
  code: number;
  /** Enhanced status code such as `5.7.139`, or null where the reply has none. */
  enhanced: string | null;
  /** Verbatim text, every line, code included. */
  text: string;
}

/** What an attempt means for one recipient. What nobody classified is `retry`. */
export type RecipientOutcome =
  | { kind: 'delivered'; reply: Reply }
  | {
      kind: 'retry';
      reply: Reply | null;
      why: Explanation;
      /** True when the reply to the final dot was lost: the other side may have the message already. */
      uncertain: boolean;
      /** The other side asked for at least this long a pause. */
      retryAfterMs: number | null;
      /**
       * Due again at once with no try spent: the others of its envelope went or wait by themselves, or the pause of
       * `outsideFault` keeps it until it may go.
       */
      split?: true;
    }
  | { kind: 'rejected'; reply: Reply | null; why: Explanation }
  /** Kept until a person decides, because trying on would do harm (a wrong sender throttles the mailbox). */
  | { kind: 'hold'; reply: Reply | null; why: Explanation };

/** Something wrong with the way itself: it pauses the route and spends no message's try. */
export interface RouteFault {
  why: Explanation;
  reply: Reply | null;
  /** True when waiting won't heal it and a person must act. */
  needsPerson: boolean;
  retryAfterMs: number | null;
}

/** Who answered on the far side, and how the leg was secured. */
export interface UpstreamFacts {
  host: string;
  address: string | null;
  port: number;
  tls: TlsFacts | null;
}

/** The record of one attempt of one route with one message. */
export interface DeliveryReport {
  upstream: UpstreamFacts | null;
  /** One entry for each recipient that got an answer. */
  results: { address: string; outcome: RecipientOutcome }[];
  /** Set when the route is at fault; recipients without a result are then untouched. */
  fault: RouteFault | null;
  /** Set when the route may send to nobody outside the tenant's own domains for now; own recipients go on. */
  outsideFault?: RouteFault;
}
