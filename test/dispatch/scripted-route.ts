/** Routes that answer as a test says: the border to the outside world. */
import type { Explanation } from '../../src/core/errors.ts';
import type { DeliveryReport, RecipientOutcome, RouteFault } from '../../src/core/outcome.ts';
import type { OutgoingMessage, Route, RouteLimits } from '../../src/routes/types.ts';
import type { FakeClock } from '../support/fake-clock.ts';

type Answer = (message: OutgoingMessage, signal: AbortSignal) => Promise<DeliveryReport> | DeliveryReport;

/** A route that answers as the test says and keeps what it was asked. */
export interface ScriptedRoute extends Route {
  readonly limits: RouteLimits;
  readonly asked: { at: number; message: OutgoingMessage }[];
  /** Most attempts that were under way at once. */
  readonly mostAtOnce: () => number;
  answer: Answer;
}

export interface ScriptedRouteOptions {
  id: string;
  clock: FakeClock;
  limits?: Partial<RouteLimits>;
  /** Domains it can carry; left out, all. */
  domains?: string[];
  /** The tenant's own. */
  ownDomains?: string[];
  answer?: Answer;
}

export function createScriptedRoute(options: ScriptedRouteOptions): ScriptedRoute {
  let atOnce = 0;
  let mostAtOnce = 0;
  const route: ScriptedRoute = {
    id: options.id,
    kind: 'submission',
    limits: {
      messagesPerMinute: 1000,
      connections: 3,
      recipientsPerDay: 10_000,
      recipientsPerMessage: 500,
      messageBytesMax: 36_700_160,
      ...options.limits,
    },
    ...(options.domains && { domains: options.domains }),
    ...(options.ownDomains && { ownDomains: options.ownDomains }),
    asked: [],
    mostAtOnce: () => mostAtOnce,
    answer: options.answer ?? delivered,
    canCarry: (recipient) =>
      options.domains === undefined || options.domains.some((domain) => recipient.endsWith(`@${domain}`)),
    async deliver(message, signal) {
      route.asked.push({ at: options.clock.monotonicMs(), message });
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      try {
        return await route.answer(message, signal);
      } finally {
        atOnce--;
      }
    },
    stop: async () => {},
  };
  return route;
}

const why = (code: string): Explanation => ({ code, cause: `This is ${code}.`, advice: 'Look at it.' });

/** The same outcome for every recipient. */
export function reportOf(message: OutgoingMessage, outcome: RecipientOutcome): DeliveryReport {
  const upstream = { host: 'mail.contoso.com', address: '127.0.0.1', port: 25, tls: null };
  return { upstream, results: message.recipients.map((address) => ({ address, outcome })), fault: null };
}

export const outcomes = {
  delivered: { kind: 'delivered', reply: { code: 250, enhanced: '2.0.0', text: '250 2.0.0 OK' } },
  retry: { kind: 'retry', reply: null, why: why('reply.busy'), uncertain: false, retryAfterMs: null },
  rejected: { kind: 'rejected', reply: null, why: why('reply.no-such-recipient') },
  hold: { kind: 'hold', reply: null, why: why('reply.send-as-denied') },
} as const satisfies Record<string, RecipientOutcome>;

export const delivered: Answer = (message) => reportOf(message, outcomes.delivered);

export function faultReport(code = 'route.unreachable', more: Partial<RouteFault> = {}): DeliveryReport {
  const fault = { why: why(code), reply: null, needsPerson: false, retryAfterMs: null, ...more };
  return { upstream: null, results: [], fault };
}

/** Answers that the test gives later, one attempt after the other. */
export function createGate(): {
  answer: Answer;
  waiting: () => number;
  release(report?: DeliveryReport): void;
} {
  const waiting: ((report: DeliveryReport | null) => void)[] = [];
  return {
    answer: async (message) => {
      const report = await new Promise<DeliveryReport | null>((resolve) => waiting.push(resolve));
      return report ?? reportOf(message, outcomes.delivered);
    },
    waiting: () => waiting.length,
    release: (report) => waiting.shift()?.(report ?? null),
  };
}
