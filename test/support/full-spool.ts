/** A spool file with very many messages, written past the spool in seconds: the schema is real, the traffic is not. */
import Database from 'better-sqlite3';
import { createMessageId } from '../../src/core/message-id.ts';
import { CHILDREN_MAX } from '../../src/spool/numbers.ts';

export interface FillOptions {
  count: number;
  state: 'queued' | 'failed' | 'delivered';
  /** Received time of the first; each further one comes a second later. */
  firstAt: number;
  deviceOf?: (index: number) => string;
  recipientOf?: (index: number) => string;
}

const BODY = Buffer.from('Subject: scan\r\n\r\nA page.\r\n');
const REPLY = '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found';

/** Adds messages to the file of a stopped spool; their bodies are in clear. Returns their ids, oldest first. */
export function fillSpool(file: string, options: FillOptions): string[] {
  const db = new Database(file);
  try {
    return db.transaction(() => insertAll(db, options))();
  } finally {
    db.close();
  }
}

function insertAll(db: Database.Database, options: FillOptions): string[] {
  const {
    count,
    state,
    firstAt,
    deviceOf = () => 'copier-2f',
    recipientOf = () => 'ann@contoso.com',
  } = options;
  const hasBody = state === 'delivered' ? 0 : 1;
  const message = db.prepare(`
    INSERT INTO messages (number, id, received_at, changed_at, sender, message_id_header, device_id, device, body_bytes,
      chunk_count, has_body, key_slot, recipient_count, unsettled)
    VALUES (@number, @id, @at, @at, 'scanner@contoso.com', @header, @device, @facts, ${BODY.length}, 1, ${hasBody}, NULL,
      1, ${hasBody})`);
  const recipient = db.prepare(`
    INSERT INTO recipients (id, address, domain, device, state, next_attempt_at, tries, code, cause)
    VALUES (@id, @address, 'contoso.com', @device, '${state}', @due, 1, @code, @cause)`);
  const chunk = db.prepare('INSERT INTO chunks (id, tag, bytes) VALUES (?, NULL, ?)');
  const attempt = db.prepare(
    "INSERT INTO attempts (id, route, started_at, ended_at, upstream, results) VALUES (?, 'direct', ?, ?, NULL, ?)",
  );
  const first =
    (db.prepare<[], number>('SELECT coalesce(max(number), 0) FROM messages').pluck().get() ?? 0) + 1;
  const [code, cause] =
    state === 'failed' ? ['reply.recipient-unknown', 'There is no such recipient.'] : [null, null];
  return Array.from({ length: count }, (_, index) => {
    const number = first + index;
    const at = firstAt + index * 1000;
    const id = createMessageId(at);
    const device = deviceOf(index);
    const address = recipientOf(index);
    const facts = { id: device, address: '192.168.50.21', greeting: null, login: null, profile: null };
    const child = number * CHILDREN_MAX;
    message.run({
      ...{ number, id, at, device, header: `<${id}@scanferry.local>` },
      facts: JSON.stringify({ ...facts, listener: '0.0.0.0:25', tls: null }),
    });
    recipient.run({ id: child, address, device, code, cause, due: state === 'queued' ? at : null });
    if (hasBody === 1) chunk.run(child, BODY);
    if (state === 'queued') return id;
    const result = { address, state, code, cause, reply: REPLY, uncertain: false };
    attempt.run(child, at, at + 1, JSON.stringify([result]));
    return id;
  });
}
