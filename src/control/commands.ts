/** The operator's commands, declared once: name, input, and what each does. The CLI, the box page and MQTT are faces of this table. */
import * as z from 'zod';
import { OperatorError } from '../core/errors.ts';
import type { Dispatch, RouteStatus } from '../dispatch/types.ts';
import type {
  MessageDetail,
  MessageFilter,
  MessageSummary,
  RecipientStatus,
  Spool,
  SpoolStats,
} from '../spool/types.ts';
import { PROBLEMS } from './problems.ts';

/** What commands act on; agent.ts supplies it. */
export interface ControlDeps {
  version: string;
  siteId: string;
  startedAt: number;
  now(): number;
  spool: Spool;
  dispatch: Dispatch;
  /** Reads the config again and applies it; rejects with OperatorError when it can't be used. */
  reload(by: string): Promise<ReloadReport>;
}

/** What a reload did. */
export interface ReloadReport {
  /** Top-level keys of the config that are different now. */
  changed: string[];
  /** What the new config is warned about, one sentence each. */
  warnings: string[];
  listeners: { address: string; port: number; tls: string }[];
}

const recipientStates = [
  'queued',
  'sending',
  'deferred',
  'held',
  'delivered',
  'failed',
  'cancelled',
] as const;

const messageFilter = z.strictObject({
  ids: z.array(z.string().min(1)).optional(),
  states: z.array(z.enum(recipientStates)).optional(),
  device: z.string().optional(),
  sender: z.string().optional(),
  recipient: z.string().optional(),
  since: z.number().optional(),
});

const PAGE_MAX = 1000;
/** Messages with all their attempts: a few KiB each. */
const HISTORY_PAGE_MAX = 200;

export const COMMANDS = {
  status: command(
    z.strictObject({}),
    async (deps): Promise<AgentStatus> => ({
      version: deps.version,
      site: deps.siteId,
      startedAt: deps.startedAt,
      now: deps.now(),
      spool: await deps.spool.stats(),
      routes: deps.dispatch.routes(),
    }),
  ),

  'queue.list': command(
    z.strictObject({
      filter: messageFilter,
      limit: z.int().min(1).max(PAGE_MAX).default(100),
      before: z.string().nullable().default(null),
    }),
    async (deps, input): Promise<Expected<MessageSummary>[]> => {
      const page = { limit: input.limit, before: input.before };
      return withForecast(deps, await deps.spool.list(asFilter(input.filter), page));
    },
  ),

  'queue.show': command(
    z.strictObject({ id: z.string().min(1) }),
    async (deps, input): Promise<Expected<MessageDetail>> => {
      const detail = await deps.spool.show(input.id);
      const [shown] = detail === null ? [] : await withForecast(deps, [detail]);
      if (shown === undefined) throw new OperatorError(PROBLEMS.unknownMessage(input.id));
      return shown;
    },
  ),

  'history.list': command(
    z.strictObject({
      filter: messageFilter,
      limit: z.int().min(1).max(HISTORY_PAGE_MAX).default(20),
      before: z.string().nullable().default(null),
    }),
    async (deps, input): Promise<MessageDetail[]> => {
      const page = { limit: input.limit, before: input.before };
      const found = await deps.spool.list(asFilter(input.filter), page);
      const details = await Promise.all(found.map(({ head }) => deps.spool.show(head.id)));
      // One that housekeeping has forgotten in between is no longer history.
      return details.filter((detail) => detail !== null);
    },
  ),

  reload: command(z.strictObject({ by: z.string().min(1) }), (deps, input) => deps.reload(input.by)),

  'queue.act': command(
    z.strictObject({
      action: z.enum(['retry', 'hold', 'release', 'cancel']),
      filter: messageFilter,
      by: z.string().min(1),
    }),
    async (deps, input): Promise<{ changed: number; skipped: number }> => {
      const result = await deps.spool.act(input.action, asFilter(input.filter), input.by);
      deps.dispatch.wake();
      return result;
    },
  ),

  'routes.list': command(z.strictObject({}), async (deps): Promise<RouteStatus[]> => deps.dispatch.routes()),

  'routes.pause': command(
    z.strictObject({ id: z.string(), by: z.string().min(1) }),
    async (deps, input): Promise<RouteStatus> => {
      routeStatus(deps, input.id);
      deps.dispatch.pauseRoute(input.id, input.by);
      return routeStatus(deps, input.id);
    },
  ),

  'routes.resume': command(
    z.strictObject({ id: z.string(), by: z.string().min(1) }),
    async (deps, input): Promise<RouteStatus> => {
      routeStatus(deps, input.id);
      deps.dispatch.resumeRoute(input.id, input.by);
      return routeStatus(deps, input.id);
    },
  ),
} as const;

export type CommandName = keyof typeof COMMANDS;
export type CommandInput<N extends CommandName> = z.input<(typeof COMMANDS)[N]['input']>;
export type CommandOutput<N extends CommandName> = Awaited<ReturnType<(typeof COMMANDS)[N]['run']>>;

/** A message whose waiting recipients carry the time at which they will be tried, about; null where unknown. */
export type Expected<M extends MessageSummary> = Omit<M, 'recipients'> & {
  recipients: (RecipientStatus & { expectedAt: number | null })[];
};

export interface AgentStatus {
  version: string;
  site: string;
  startedAt: number;
  now: number;
  spool: SpoolStats;
  routes: RouteStatus[];
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

function command<I extends z.ZodType, O>(
  input: I,
  run: (deps: ControlDeps, input: z.output<I>) => Promise<O>,
) {
  return { input, run };
}

async function withForecast<M extends MessageSummary>(
  { dispatch }: ControlDeps,
  messages: readonly M[],
): Promise<Expected<M>[]> {
  const waiting = messages.flatMap(({ recipients }) => recipients.filter(isWaiting).map(({ id }) => id));
  const times = waiting.length === 0 ? new Map<number, number | null>() : await dispatch.forecast(waiting);
  return messages.map((message) => ({
    ...message,
    recipients: message.recipients.map((recipient) => ({
      ...recipient,
      expectedAt: (isWaiting(recipient) ? times.get(recipient.id) : null) ?? null,
    })),
  }));
}

function isWaiting({ state }: RecipientStatus): boolean {
  return state === 'queued' || state === 'deferred';
}

/** Leaves absent keys out, as the spool's filter wants them. */
function asFilter(filter: z.output<typeof messageFilter>): MessageFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function routeStatus(deps: ControlDeps, id: string): RouteStatus {
  const routes = deps.dispatch.routes();
  const found = routes.find((route) => route.id === id);
  if (found !== undefined) return found;
  throw new OperatorError(PROBLEMS.unknownRoute(id, routes.map((route) => route.id).join(', ')));
}
