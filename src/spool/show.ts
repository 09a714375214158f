/** Messages as people see them: states with `sending`, attempts, events. */
import type { MessageId } from '../core/message.ts';
import { type Claims, shownState } from './claims.ts';
import { findMessages, fitsRecipient } from './find.ts';
import type { StoredMessage } from './message-table.ts';
import type { StoredRecipient } from './recipient-table.ts';
import type { Store } from './store.ts';
import type { MessageDetail, MessageFilter, MessageSummary, Page, RecipientStatus } from './types.ts';

/** One look for messages that fit the filter, newest first, with all their recipients. */
export function listMessages(
  store: Store,
  claims: Claims,
  filter: MessageFilter,
  page: Page,
): { messages: MessageSummary[]; before: MessageId | null } {
  const { ids, before } = findMessages(store.db, filter, page, { unsettledOnly: false });
  // A search for `queued` also finds what is being sent.
  const messages = ids
    .map((id) => summaryOf(store, claims, id))
    .filter((summary) => summary !== null)
    .filter(({ recipients }) => recipients.some((one) => fitsRecipient(filter, one, one.state)));
  return { messages, before };
}

/** One message with everything known about it, or null. */
export function showMessage(store: Store, claims: Claims, id: MessageId): MessageDetail | null {
  const message = store.messages.byId(id);
  if (message === null) return null;
  return {
    ...summarize(store, claims, message),
    attempts: store.attempts.ofMessage(message.body.number),
    events: store.events.ofMessage(id),
  };
}

function summaryOf(store: Store, claims: Claims, id: MessageId): MessageSummary | null {
  const message = store.messages.byId(id);
  return message === null ? null : summarize(store, claims, message);
}

function summarize(store: Store, claims: Claims, { head, body }: StoredMessage): MessageSummary {
  const recipients = store.recipients
    .ofMessage(body.number)
    .map((recipient) => statusOf(recipient, shownState(claims, head.id, recipient)));
  return { head, recipients, hasBody: body.hasBody };
}

function statusOf(recipient: StoredRecipient, state: RecipientStatus['state']): RecipientStatus {
  const { id, address, tries, nextAttemptAt, code, cause } = recipient;
  return { id, address, state, tries, nextAttemptAt, code, cause };
}
