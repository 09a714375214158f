/** Metrics of each route: whether it is open, what it may still send, and what of its sign-in runs out. */
import { DAY_MS, HOUR_MS } from '../core/durations.ts';
import { type Family, family, type Rule, type Verdict } from './metric.ts';
import { PROBLEMS } from './problems.ts';
import type { RouteFacts } from './sources.ts';
import { countWords, dayWords } from './words.ts';

export interface RouteSeen {
  route: RouteFacts;
  now: number;
  /** False while the clock can't be believed: then nothing is reckoned from it. */
  isClockSet: boolean;
}

/** What heals by itself has healed by then; after it somebody should know. */
const PAUSE_FAIL_MS = HOUR_MS;
/** Credentials: long enough before their end for a change request, and the last week. */
const EXPIRY_WARN_MS = 30 * DAY_MS;
const EXPIRY_FAIL_MS = 7 * DAY_MS;
/** Share of the day's recipients that is left when it is told. */
const DAY_BUDGET_WARN_SHARE = 0.1;
/** Codes of pauses by which the other side, or our own budget, holds a route back (docs/reference/replies.md). */
const THROTTLING_CODES: ReadonlySet<string> = new Set([
  'reply.concurrent-connections',
  'reply.submission-rate',
  'reply.submission-quota',
  'reply.mailbox-throttled',
  'reply.address-reputation',
  'reply.external-limit',
  'route.day-budget-used',
]);
const BY_OPERATOR = 'route.paused-by-operator';

const state: Rule<RouteSeen> = {
  words:
    'warn when paused, also for outside recipients alone; fail when a person must act, or after 1 hour; a pause by an operator stays at warn',
  judge(_, { route: { id, pause, outsidePause }, now }): Verdict | null {
    if (pause === null) {
      if (outsidePause === null || outsidePause === undefined) return null;
      const { code, cause, advice } = outsidePause;
      const what = `The route "${id}" is paused for recipients outside your domains: ${cause}`;
      return { grade: 'warn', why: { code, cause: what, advice } };
    }
    const { code, cause, advice, needsPerson, since } = pause;
    if (code === BY_OPERATOR) return { grade: 'warn', why: { code, cause, advice } };
    const why = { code, cause: `The route "${id}" is paused: ${cause}`, advice };
    return { grade: needsPerson || now - since >= PAUSE_FAIL_MS ? 'fail' : 'warn', why };
  },
};

const dayBudget: Rule<RouteSeen> = {
  words: 'warn below a tenth of limits.recipientsPerDay',
  judge: (value, { route: { id, limits } }) =>
    limits !== null && Number(value) < limits.recipientsPerDay * DAY_BUDGET_WARN_SHARE
      ? { grade: 'warn', why: PROBLEMS.dayBudgetLow(id, countWords(Number(value), 'recipient')) }
      : null,
};

function expiry(
  endOf: (route: RouteFacts) => number | null,
  why: (id: string, day: string) => Verdict['why'],
): Rule<RouteSeen> {
  const bounds = { warn: EXPIRY_WARN_MS / 1000, fail: EXPIRY_FAIL_MS / 1000 };
  return {
    words: 'warn below 30 days, fail below 7 days',
    judge(value, { route }) {
      const leftSeconds = Number(value);
      if (leftSeconds >= bounds.warn) return null;
      const grade = leftSeconds < bounds.fail ? 'fail' : 'warn';
      return { grade, why: why(route.id, dayWords(endOf(route) ?? Number.NaN)) };
    },
  };
}

export const ROUTES_FAMILY: Family<RouteSeen> = family('routes', 'route', [
  {
    name: 'route_state',
    unit: 'state',
    help: 'Whether the route is `open`, `paused`, or `probing` with one message after a pause.',
    value: ({ route }) => route.state,
    rule: state,
  },
  {
    name: 'route_paused_s',
    unit: 's',
    help: 'How long the pause has lasted; 0 while the route is open.',
    value: ({ route: { pause }, now }) => (pause === null ? 0 : seconds(now - pause.since)),
  },
  {
    name: 'route_throttled',
    unit: 'bool',
    help: 'Whether the other side, or the budget of the day, holds the route back.',
    value: ({ route: { pause } }) => pause !== null && THROTTLING_CODES.has(pause.code),
  },
  {
    name: 'route_last_success_age_s',
    unit: 's',
    help: 'Time since the route delivered its latest message; unknown before the first.',
    value: ({ route: { lastSuccessAt }, now }) =>
      lastSuccessAt === null ? null : seconds(now - lastSuccessAt),
  },
  {
    name: 'route_messages_left_count',
    unit: 'count',
    help: 'Messages the route may still send in the running minute.',
    value: ({ route }) => route.budget.messagesThisMinute,
  },
  {
    name: 'route_recipients_left_count',
    unit: 'count',
    help: 'Recipients the route may still send to in the running 24 hours.',
    value: ({ route }) => route.budget.recipientsToday,
    rule: dayBudget,
  },
  {
    name: 'route_token_left_s',
    unit: 's',
    help: 'Time until the access token in hand ends; it is renewed by itself when a message goes out.',
    value: (seen) => left(seen, seen.route.tokenExpiresAt),
  },
  {
    name: 'route_client_secret_left_s',
    unit: 's',
    help: 'Time until the client secret ends, where the config says when (clientSecretExpires).',
    value: (seen) => left(seen, seen.route.secretExpiresAt),
    rule: expiry((route) => route.secretExpiresAt, PROBLEMS.secretExpiring),
  },
  {
    name: 'route_client_certificate_left_s',
    unit: 's',
    help: 'Time until the client certificate of the route ends.',
    value: (seen) => left(seen, seen.route.certificateExpiresAt),
    rule: expiry((route) => route.certificateExpiresAt, PROBLEMS.certificateExpiring),
  },
]);

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}

function left({ now, isClockSet }: RouteSeen, endsAt: number | null): number | null {
  return endsAt === null || !isClockSet ? null : Math.floor((endsAt - now) / 1000);
}
