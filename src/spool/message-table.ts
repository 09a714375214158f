/** Rows of accepted messages. */
import type { Database } from 'better-sqlite3';
import type { DeviceFacts, MessageHead, MessageId, MessageOrigin } from '../core/message.ts';
import type { BodyWriter, StoredBody } from './body-table.ts';
import type { NewMessage } from './types.ts';

interface BodyRow {
  number: number;
  id: string;
  received_at: number;
  body_bytes: number;
  chunk_count: number;
  has_body: 0 | 1;
  key_slot: number | null;
}

interface MessageRow extends BodyRow {
  changed_at: number;
  sender: string;
  message_id_header: string;
  device: string;
  origin: MessageOrigin | null;
}

export interface StoredMessage {
  head: MessageHead;
  body: MessageBody;
  changedAt: number;
}

/** Where the body of a message is, and what little else is asked for with it. */
export interface MessageBody extends StoredBody {
  id: MessageId;
  receivedAt: number;
}

export interface MessageTable {
  insert(message: NewMessage, body: BodyWriter & { bodyBytes: number }, keySlot: number | null): void;
  byId(id: MessageId): StoredMessage | null;
  /** Less than `byId` and `byNumber` and at half the cost: what is known of the device is not parsed. */
  bodyById(id: MessageId): MessageBody | null;
  bodyByNumber(number: number): MessageBody | null;
  byNumber(number: number): StoredMessage | null;
  /** Messages in the order of their numbers, from the one after `number` on. */
  following(number: number, limit: number): StoredMessage[];
  /** A recipient has changed; `unsettled` of them still wait for something. */
  touch(number: number, now: number, unsettled: number): void;
  remove(number: number): void;
  /** The highest number any row refers to; 0 when there is none. */
  highestNumber(): number;
}

const BODY_COLUMNS = 'm.number, m.id, m.received_at, m.body_bytes, m.chunk_count, m.has_body, m.key_slot';
const MESSAGE_COLUMNS = `${BODY_COLUMNS}, m.changed_at, m.sender, m.message_id_header, m.device, m.origin`;

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
  const bodyById = db.prepare<[string], BodyRow>(`SELECT ${BODY_COLUMNS} FROM messages m WHERE id = ?`);
  const bodyByNumber = db.prepare<[number], BodyRow>(
    `SELECT ${BODY_COLUMNS} FROM messages m WHERE number = ?`,
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
    byId: (id) => orNull(byId.get(id), toStoredMessage),
    byNumber: (number) => orNull(byNumber.get(number), toStoredMessage),
    bodyById: (id) => orNull(bodyById.get(id), toMessageBody),
    bodyByNumber: (number) => orNull(bodyByNumber.get(number), toMessageBody),
    following: (number, limit) => following.all(number, limit).map(toStoredMessage),
    touch: (number, now, unsettled) => void touch.run(now, unsettled, number),
    remove: (number) => void remove.run(number),
    highestNumber: () => highest.get() ?? 0,
  };
}

function orNull<R, T>(row: R | undefined, shape: (row: R) => T): T | null {
  return row === undefined ? null : shape(row);
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
    body: toMessageBody(row),
    changedAt: row.changed_at,
  };
}

function toMessageBody(row: BodyRow): MessageBody {
  return {
    id: row.id,
    receivedAt: row.received_at,
    number: row.number,
    bodyBytes: row.body_bytes,
    chunkCount: row.chunk_count,
    hasBody: row.has_body === 1,
    keySlot: row.key_slot,
  };
}
