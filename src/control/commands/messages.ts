/** The queue and the history: what waits, what became of it, and what a person decides. */
import * as z from 'zod';
import { OperatorError } from '../../core/errors.ts';
import type { MessageDetail, MessageFilter, MessageSummary, RecipientStatus } from '../../spool/types.ts';
import type { ControlDeps } from '../deps.ts';
import { PROBLEMS } from '../problems.ts';
import { command } from './command.ts';

/** A message whose waiting recipients carry the time at which they will be tried, about; null where unknown. */
export type Expected<M extends MessageSummary> = Omit<M, 'recipients'> & {
  recipients: (RecipientStatus & { expectedAt: number | null })[];
};

/** A message of which each recipient that is not done carries what a person can do about it; null where that is nothing. */
type Advised<M extends MessageSummary> = Omit<M, 'recipients'> & {
  recipients: (M['recipients'][number] & { advice: string | null })[];
};

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
  ids: z.array(z.string().min(1)).optional().describe('Ids of messages.'),
  states: z.array(z.enum(recipientStates)).optional().describe('States of recipients.'),
  device: z.string().optional().describe('Id, or address, of a device.'),
  sender: z.string().optional().describe('Sender address.'),
  recipient: z.string().optional().describe('Recipient address.'),
  since: z.number().optional().describe('Accepted then or later, epoch milliseconds.'),
  until: z.number().optional().describe('Accepted before then, epoch milliseconds.'),
});

/** One more than a page of the command line, which thus knows whether there is a next one. */
const PAGE_MAX = 1001;
/** Messages with all their attempts: a few KiB each. */
const HISTORY_PAGE_MAX = 201;

export const MESSAGE_COMMANDS = {
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
    async (deps, input): Promise<Advised<Expected<MessageDetail>>> => {
      const detail = await deps.spool.show(input.id);
      const [shown] = detail === null ? [] : await withForecast(deps, [detail]);
      if (shown === undefined) throw new OperatorError(PROBLEMS.unknownMessage(input.id));
      return withAdvice(deps, shown);
    },
  ),

  'history.list': command(
    z.strictObject({
      filter: messageFilter,
      limit: z.int().min(1).max(HISTORY_PAGE_MAX).default(20),
      before: z.string().nullable().default(null),
    }),
    async (deps, input): Promise<Advised<MessageDetail>[]> => {
      const page = { limit: input.limit, before: input.before };
      const found = await deps.spool.list(asFilter(input.filter), page);
      const details = await Promise.all(found.map(({ head }) => deps.spool.show(head.id)));
      // One that housekeeping has forgotten in between is no longer history.
      return details.filter((detail) => detail !== null).map((detail) => withAdvice(deps, detail));
    },
  ),

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
};

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

function withAdvice<M extends MessageSummary>({ adviceFor }: ControlDeps, message: M): Advised<M> {
  const recipients = message.recipients.map((recipient: M['recipients'][number]) => {
    const { state, code } = recipient;
    const isDone = state === 'delivered' || state === 'cancelled';
    return { ...recipient, advice: isDone || code === null ? null : adviceFor(code) };
  });
  return { ...message, recipients };
}

function isWaiting({ state }: RecipientStatus): boolean {
  return state === 'queued' || state === 'deferred';
}

/** Leaves absent keys out, as the spool's filter wants them. */
function asFilter(filter: z.output<typeof messageFilter>): MessageFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
