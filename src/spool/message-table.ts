/** Rows of accepted messages. */
import type { Database } from 'better-sqlite3';
import type { DeviceFacts, MessageHead, MessageId, MessageOrigin } from '../core/message.ts';
import type { BodyWriter, StoredBody } from './body-table.ts';
import type { NewMessage } from './types.ts';

interface MessageRow {
  number: number;
  id: string;
  received_at: number;
  changed_at: number;
  sender: string;
  message_id_header: string;
  device: string;
  body_bytes: number;
  chunk_count: number;
  has_body: 0 | 1;
  key_slot: number | null;
  origin: MessageOrigin | null;
}

export interface StoredMessage {
  head: MessageHead;
  body: StoredBody;
  changedAt: number;
}

export interface MessageTable {
  insert(message: NewMessage, body: BodyWriter & { bodyBytes: number }, keySlot: number | null): void;
  byId(id: MessageId): StoredMessage | null;
  byNumber(number: number): StoredMessage | null;
  /** Messages in the order of their numbers, from the one after `number` on. */
  following(number: number, limit: number): StoredMessage[];
  /** A recipient has changed; `unsettled` of them still wait for something. */
  touch(number: number, now: number, unsettled: number): void;
  remove(number: number): void;
  /** The highest number any row refers to; 0 when there is none. */
  highestNumber(): number;
}

const MESSAGE_COLUMNS = `m.number, m.id, m.received_at, m.changed_at, m.sender, m.message_id_header, m.device,
  m.body_bytes, m.chunk_count, m.has_body, m.key_slot, m.origin`;

export function createMessageTable(db: Database): MessageTable {
  const insert = db.prepare(`
    INSERT INTO messages (number, id, received_at, changed_at, sender, message_id_header, device_id, device,
      body_bytes, chunk_count, has_body, key_slot, recipient_count, unsettled, origin)
    VALUES (@number, @id, @receivedAt, @receivedAt, @sender, @messageIdHeader, @deviceId, @device,
      @bodyBytes, @chunkCount, 1, @keySlot, @recipientCount, @recipientCount, @origin)`);
  const byId = db.prepare<[string], MessageRow>(`SELECT ${MESSAGE_COLUMNS} FROM messages m WHERE id = ?`);
  const byNumber = db.prepare<[number], MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages m WHERE number = ?`,
  );
  const following = db.prepare<[number, number], MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages m WHERE number > ? ORDER BY number LIMIT ?`,
  );
  const touch = db.prepare<[number, number, number]>(
    'UPDATE messages SET changed_at = ?, unsettled = ? WHERE number = ?',
  );
  const remove = db.prepare<[number]>('DELETE FROM messages WHERE number = ?');
  const highest = db
    .prepare<[], number>(
      `SELECT max(coalesce((SELECT max(number) FROM messages), 0),
                  coalesce((SELECT max(number) FROM garbage), 0),
                  coalesce((SELECT max(id) / 65536 FROM chunks), 0))`,
    )
    .pluck();

  return {
    insert(message, body, keySlot) {
      insert.run({
        number: body.number,
        id: message.id,
        receivedAt: Math.round(message.receivedAt),
        sender: message.sender,
        messageIdHeader: message.messageIdHeader,
        deviceId: message.device.id,
        device: JSON.stringify(message.device),
        bodyBytes: body.bodyBytes,
        chunkCount: body.chunkCount,
        keySlot,
        recipientCount: message.recipients.length,
        origin: message.origin ?? null,
      });
    },
    byId: (id) => toStored(byId.get(id)),
    byNumber: (number) => toStored(byNumber.get(number)),
    following: (number, limit) => following.all(number, limit).map(toStoredMessage),
    touch: (number, now, unsettled) => void touch.run(now, unsettled, number),
    remove: (number) => void remove.run(number),
    highestNumber: () => highest.get() ?? 0,
  };
}

function toStored(row: MessageRow | undefined): StoredMessage | null {
  return row === undefined ? null : toStoredMessage(row);
}

function toStoredMessage(row: MessageRow): StoredMessage {
  return {
    head: {
      id: row.id,
      receivedAt: row.received_at,
      sender: row.sender,
      messageIdHeader: row.message_id_header,
      bodyBytes: row.body_bytes,
      // Only `insert` writes this column.
      device: JSON.parse(row.device) as DeviceFacts,
      ...(row.origin === null ? {} : { origin: row.origin }),
    },
    body: {
      number: row.number,
      bodyBytes: row.body_bytes,
      chunkCount: row.chunk_count,
      hasBody: row.has_body === 1,
      keySlot: row.key_slot,
    },
    changedAt: row.changed_at,
  };
}
