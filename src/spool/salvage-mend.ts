/** Makes what was salvaged fit together again: messages with their recipients, bodies and keys; says what is lost. */
import type { Database } from 'better-sqlite3';
import type { StoredMessage } from './message-table.ts';
import { FILL_DEVICES } from './migrations.ts';
import { CHILDREN_MAX, ownerOf } from './numbers.ts';
import { REASONS } from './problems.ts';
import { concludeChange, createStore, type Store } from './store.ts';

export interface MendResult {
  /** Messages carried over, history included. */
  messages: number;
  /** Messages of which something was found, but not enough to deliver them to everybody. */
  lost: number;
}

export interface MendRequest {
  db: Database;
  boxKey: Buffer;
  damagedFile: string;
  now: number;
}

/** Works on the fresh database, in one transaction; the event that tells of the damage is part of it. */
export function mendRelations({ db, boxKey, damagedFile, now }: MendRequest): MendResult {
  return db.transaction(() => {
    const seq = continueNumbering(db, now);
    const lost = new Set([...orphanedRecipients(db), ...messagesLackingRecipients(db)]);
    removeOrphans(db);
    db.exec(FILL_DEVICES);
    const store = createStore({ db, boxKey, onEvent: () => {} });
    for (const message of brokenBodies(store)) {
      if (giveUpBody(store, message, now)) lost.add(message.body.number);
    }
    forgetStrayKeys(db);
    const messages = db.prepare<[], number>('SELECT count(*) FROM messages').pluck().get() ?? 0;
    const result = { messages, lost: lost.size };
    const data = JSON.stringify({ damagedFile, ...result });
    db.prepare<[string, number]>('UPDATE events SET data = ? WHERE seq = ?').run(data, seq);
    return result;
  })();
}

/**
 * Readers keep cursors into the event table, so no number may be given twice. The newest events may be among what
 * is lost: numbering goes on at the clock's milliseconds, which no count of events has reached.
 */
function continueNumbering(db: Database, now: number): number {
  const newest = db.prepare<[], number>('SELECT coalesce(max(seq), 0) FROM events').pluck().get() ?? 0;
  const seq = Math.max(newest + 1, now);
  db.prepare<[number, number]>(
    "INSERT INTO events (seq, ts, type, data) VALUES (?, ?, 'spool.salvaged', '{}')",
  ).run(seq, now);
  return seq;
}

/** Numbers of messages whose own row is gone while somebody still waits for them. */
function orphanedRecipients(db: Database): number[] {
  const known = new Set(db.prepare<[], number>('SELECT number FROM messages').pluck().all());
  return db
    .prepare<[], number>("SELECT id FROM recipients WHERE state IN ('queued', 'deferred', 'held')")
    .pluck()
    .all()
    .map(ownerOf)
    .filter((number) => !known.has(number));
}

const FIRST_CHILD = `messages.number * ${CHILDREN_MAX}`;
const FOUND = `(SELECT count(*) FROM recipients r
  WHERE r.id BETWEEN ${FIRST_CHILD} AND ${FIRST_CHILD} + ${CHILDREN_MAX - 1})`;
const FOUND_UNSETTLED = `(SELECT count(*) FROM recipients r
  WHERE r.id BETWEEN ${FIRST_CHILD} AND ${FIRST_CHILD} + ${CHILDREN_MAX - 1}
    AND r.state NOT IN ('delivered', 'cancelled'))`;

/** Numbers of messages that still had something to do and miss recipients; their counts are set right. */
function messagesLackingRecipients(db: Database): number[] {
  const lacking = db
    .prepare<[], number>(`SELECT number FROM messages WHERE unsettled > 0 AND recipient_count > ${FOUND}`)
    .pluck()
    .all();
  db.exec(`UPDATE messages SET recipient_count = ${FOUND}, unsettled = ${FOUND_UNSETTLED}`);
  return lacking;
}

function removeOrphans(db: Database): void {
  db.exec(`
    DELETE FROM messages WHERE recipient_count = 0;
    DELETE FROM recipients WHERE id / ${CHILDREN_MAX} NOT IN (SELECT number FROM messages);
    DELETE FROM attempts WHERE id / ${CHILDREN_MAX} NOT IN (SELECT number FROM messages);
    DELETE FROM chunks WHERE id / ${CHILDREN_MAX} NOT IN (SELECT number FROM messages WHERE has_body = 1);
    UPDATE messages SET key_slot = NULL WHERE key_slot NOT IN (SELECT slot FROM keys);
  `);
}

/** Bodies that can't be read back whole: a chunk is missing, or does not authenticate. */
function* brokenBodies(store: Store): Generator<StoredMessage> {
  const numbers = store.db
    .prepare<[], number>('SELECT number FROM messages WHERE has_body = 1')
    .pluck()
    .all();
  for (const number of numbers) {
    const message = store.messages.byNumber(number);
    if (message !== null && !isWhole(store, message)) yield message;
  }
}

function isWhole(store: Store, { body }: StoredMessage): boolean {
  let bytes = 0;
  for (let index = 0; index < body.chunkCount; index++) {
    const chunk = store.bodies.readChunk(body, index);
    if (chunk === null) return false;
    bytes += chunk.length;
  }
  return bytes === body.bodyBytes;
}

/** Fails who still waits; true when there was somebody. */
function giveUpBody(store: Store, { head, body }: StoredMessage, now: number): boolean {
  const recipients = store.recipients.ofMessage(body.number);
  const waiting = recipients.filter(({ state, nextAttemptAt }) => state === 'held' || nextAttemptAt !== null);
  const reason = REASONS.lostInDamage;
  for (const recipient of waiting) {
    store.recipients.change(recipient, { state: 'failed', ...reason });
    store.events.append(now, {
      type: 'message.failed',
      data: { message: head.id, recipient: recipient.address, route: null, ...reason, reply: null },
    });
  }
  // Its key slot may be named by a sound message too; forgetStrayKeys clears it if not.
  store.bodies.erase({ ...body, keySlot: null });
  concludeChange(store, { body, recipients }, now);
  return waiting.length > 0;
}

function forgetStrayKeys(db: Database): void {
  db.exec(`
    UPDATE keys SET wrapped = zeroblob(60)
    WHERE length(wrapped) <> 60
      OR slot NOT IN (SELECT key_slot FROM messages WHERE key_slot IS NOT NULL);
  `);
}
