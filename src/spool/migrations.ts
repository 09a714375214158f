/**
 * The schema of the spool, as numbered steps that run once each.
 *
 * A step that has been released is never edited: a change is a new step. Ids of chunks, recipients and attempts hold
 * their message's number (numbers.ts), which is why they have no foreign key and no index on it.
 */

export interface Migration {
  version: number;
  sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      -- Slots of wrapped body keys. A row is only ever overwritten in place, never deleted, so that no copy of a
      -- forgotten key stays behind on a free page (crypto-erase, key-slots.ts).
      CREATE TABLE keys (
        slot INTEGER PRIMARY KEY,
        wrapped BLOB NOT NULL
      ) STRICT;

      CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        received_at INTEGER NOT NULL,
        -- Time of the latest change of a recipient's state; history is kept from here on.
        changed_at INTEGER NOT NULL,
        sender TEXT NOT NULL,
        message_id_header TEXT NOT NULL,
        device_id TEXT,
        device TEXT NOT NULL,
        body_bytes INTEGER NOT NULL,
        chunk_count INTEGER NOT NULL,
        has_body INTEGER NOT NULL CHECK (has_body IN (0, 1)),
        key_slot INTEGER REFERENCES keys (slot),
        recipient_count INTEGER NOT NULL,
        -- Recipients that are neither delivered nor cancelled.
        unsettled INTEGER NOT NULL CHECK (unsettled BETWEEN 0 AND recipient_count)
      ) STRICT;
      CREATE INDEX messages_unsettled ON messages (id) WHERE unsettled > 0;

      CREATE TABLE recipients (
        id INTEGER PRIMARY KEY,
        address TEXT NOT NULL,
        domain TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'deferred', 'held', 'delivered', 'failed', 'cancelled')),
        next_attempt_at INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        code TEXT,
        cause TEXT,
        CHECK ((state IN ('queued', 'deferred')) = (next_attempt_at IS NOT NULL))
      ) STRICT;
      -- Covers the search for due recipients, route by route; settled ones are not in it.
      CREATE INDEX recipients_due ON recipients (next_attempt_at, domain) WHERE next_attempt_at IS NOT NULL;

      CREATE TABLE chunks (
        id INTEGER PRIMARY KEY,
        -- Authentication tag of AES-GCM; null where the body is stored in clear.
        tag BLOB,
        bytes BLOB NOT NULL
      ) STRICT;

      -- Messages whose chunks are not needed (an unfinished body, an erased one) and still have to be removed.
      CREATE TABLE garbage (
        number INTEGER PRIMARY KEY
      ) STRICT;

      CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        route TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        upstream TEXT,
        results TEXT NOT NULL
      ) STRICT;

      -- The newest row is never deleted, so numbering goes on after a trim without AUTOINCREMENT's extra page.
      CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        ts INTEGER NOT NULL,
        type TEXT NOT NULL,
        message TEXT,
        data TEXT NOT NULL
      ) STRICT;
      CREATE INDEX events_message ON events (message) WHERE message IS NOT NULL;

      CREATE TABLE facts (
        room TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (room, key)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

/** The schema version this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0;
