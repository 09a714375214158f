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

/** Names the devices of recipients that an older version wrote. */
export const FILL_DEVICES = `
  UPDATE recipients SET device = coalesce((
    SELECT coalesce(m.device_id, CASE WHEN json_valid(m.device) THEN json_extract(m.device, '$.address') END)
    FROM messages m WHERE m.number = recipients.id / 65536
  ), 'unknown') WHERE device IS NULL`;

/** Holds for an attempt of which a recipient's reply was lost; a quoted reply has its quotation marks escaped. */
export const IS_UNCERTAIN = `instr(results, '"uncertain":true') > 0`;

/** Holds for the events of TROUBLE_TYPES (types.ts). */
export const IS_TROUBLE = `(type IN ('message.failed', 'message.held', 'route.paused', 'spool.salvaged')
  OR (type = 'message.accepted' AND instr(data, '"held":null') = 0))`;

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
  {
    version: 2,
    sql: `
      -- Whose turn the recipient waits for: the id of its device, or the address of an unknown one. Null only while
      -- an older file is salvaged (FILL_DEVICES).
      ALTER TABLE recipients ADD COLUMN device TEXT;
      ${FILL_DEVICES};
      DROP INDEX recipients_due;
      -- One search finds the next device, its next domain, and who waits longest there (due-table.ts).
      CREATE INDEX recipients_due ON recipients (device, domain, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
      -- Attempts whose last reply was lost; there are few, and counting them must not read the others.
      CREATE INDEX attempts_uncertain ON attempts (id) WHERE ${IS_UNCERTAIN};
    `,
  },
  {
    version: 3,
    sql: `
      -- 'notice' or 'automatic' (core/message.ts); null for the scan of a person.
      ALTER TABLE messages ADD COLUMN origin TEXT;
      -- There are few, and whoever looks for them must not read the others; a message that goes well writes nothing here.
      CREATE INDEX events_troubles ON events (seq) WHERE ${IS_TROUBLE};
    `,
  },
];

/** The schema version this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0;
