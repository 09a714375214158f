/** How the spool stands, from running totals and indexes. */
import type { RecipientState } from '../core/message.ts';
import type { Claims } from './claims.ts';
import { readPragma } from './database.ts';
import { ownerOf } from './numbers.ts';
import type { Store } from './store.ts';
import type { SpoolRefusal, SpoolStats } from './types.ts';

/** What the tables don't tell. */
export interface StatsFacts {
  maxBytes: number;
  freeBytes: number;
  /** What a new message would hear, or what the latest write failed of. */
  refusal: SpoolRefusal | null;
}

export function statsOf(
  store: Store,
  claims: Claims,
  { maxBytes, freeBytes, refusal }: StatsFacts,
): SpoolStats {
  return {
    recipients: shownCounts(store, claims),
    uncertainAttempts: store.attempts.countUncertain(),
    oldestPendingAt: oldestPendingAt(store),
    databaseBytes: Number(readPragma(store.db, 'page_count')) * Number(readPragma(store.db, 'page_size')),
    bodyBytes: store.counters.bodyBytes,
    heldBytes: store.counters.heldBytes,
    maxBytes,
    freeBytes,
    refusal: refusal === null ? null : { reason: refusal.reason, cause: refusal.message },
  };
}

function shownCounts(store: Store, claims: Claims): Record<RecipientState, number> {
  const counts = { ...store.counters.recipients, sending: 0 };
  for (const [id, claimed] of claims) {
    const body = store.messages.bodyById(id);
    if (body === null) continue;
    for (const recipient of store.recipients.ofMessage(body.number)) {
      if (!claimed.has(recipient.id)) continue;
      counts[recipient.state]--;
      counts.sending++;
    }
  }
  return counts;
}

/** Numbers are given in the order of arrival, so the lowest pending one is the oldest. */
function oldestPendingAt({ db, messages }: Store): number | null {
  const lowest = db
    .prepare<[], number | null>('SELECT min(id) FROM recipients WHERE next_attempt_at IS NOT NULL')
    .pluck()
    .get();
  if (lowest === undefined || lowest === null) return null;
  return messages.bodyByNumber(ownerOf(lowest))?.receivedAt ?? null;
}
