/** Stored bodies: chunk rows, the key that opens them, and their removal in pieces. */
import type { Database } from 'better-sqlite3';
import { LIMITS } from '../core/limits.ts';
import { openChunk, sealChunk, unwrapBodyKey, wrapBodyKey } from './body-cipher.ts';
import type { Counters } from './counters.ts';
import type { KeySlots } from './key-slots.ts';
import { childId, childRange } from './numbers.ts';

/** What is known of a body before its message is accepted. */
export interface BodyWriter {
  number: number;
  /** Null where bodies are stored in clear. */
  key: Buffer | null;
  /** Chunks written so far. */
  chunkCount: number;
  /** Whether the garbage table knows the body, so that a crash leaves nothing. */
  isListed: boolean;
}

export interface StoredBody {
  number: number;
  bodyBytes: number;
  chunkCount: number;
  hasBody: boolean;
  keySlot: number | null;
}

export interface BodyTable {
  writeChunk(body: BodyWriter, bytes: Uint8Array, isLast: boolean): void;
  /** Wraps and stores the body's key; null where the body is in clear. */
  keepKey(body: BodyWriter): number | null;
  /** The body belongs to a message now. */
  unlist(body: BodyWriter): void;
  /** The chunk as it was written, or null when it is damaged or missing. */
  readChunk(body: StoredBody, index: number): Buffer | null;
  /** Forgets the key and removes the chunks, or lists them for the sweep where they are many. */
  erase(body: StoredBody): void;
  /** Bodies listed for removal. */
  listed(): number[];
  /** Removes some chunks of a listed body; false when nothing of it is left. */
  sweep(number: number): boolean;
}

export interface BodyTableDeps {
  db: Database;
  boxKey: Buffer;
  slots: KeySlots;
  counters: Counters;
}

export function createBodyTable({ db, boxKey, slots, counters }: BodyTableDeps): BodyTable {
  const insertChunk = db.prepare<[number, Uint8Array | null, Uint8Array]>(
    'INSERT INTO chunks (id, tag, bytes) VALUES (?, ?, ?)',
  );
  const selectChunk = db.prepare<[number], { tag: Buffer | null; bytes: Buffer }>(
    'SELECT tag, bytes FROM chunks WHERE id = ?',
  );
  const removeChunks = db.prepare<[number, number, number]>(
    'DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)',
  );
  const list = db.prepare<[number]>('INSERT OR IGNORE INTO garbage (number) VALUES (?)');
  const unlist = db.prepare<[number]>('DELETE FROM garbage WHERE number = ?');
  const listed = db.prepare<[], number>('SELECT number FROM garbage').pluck();
  const markErased = db.prepare<[number]>(
    'UPDATE messages SET has_body = 0, key_slot = NULL WHERE number = ?',
  );

  function sweep(number: number): boolean {
    const { changes } = removeChunks.run(...childRange(number), LIMITS.spoolEraseChunksMax);
    if (changes === LIMITS.spoolEraseChunksMax) return true;
    unlist.run(number);
    return false;
  }

  return {
    writeChunk(body, bytes, isLast) {
      const index = body.chunkCount;
      const id = childId(body.number, index);
      if (!isLast && !body.isListed) list.run(body.number);
      if (body.key === null) {
        insertChunk.run(id, null, bytes);
      } else {
        const sealed = sealChunk(body.key, { number: body.number, index, isLast }, bytes);
        insertChunk.run(id, sealed.tag, sealed.bytes);
      }
      body.isListed ||= !isLast;
      body.chunkCount++;
    },
    keepKey: ({ number, key }) => (key === null ? null : slots.put(wrapBodyKey(boxKey, number, key))),
    unlist(body) {
      if (body.isListed) unlist.run(body.number);
    },
    readChunk(body, index) {
      const sealed = selectChunk.get(childId(body.number, index));
      if (sealed === undefined) return null;
      if (body.keySlot === null) return sealed.tag === null ? sealed.bytes : null;
      const wrapped = slots.get(body.keySlot);
      if (wrapped === null || sealed.tag === null) return null;
      const place = { number: body.number, index, isLast: index === body.chunkCount - 1 };
      try {
        const key = unwrapBodyKey(boxKey, body.number, wrapped);
        return openChunk(key, place, { bytes: sealed.bytes, tag: sealed.tag });
      } catch {
        // Node says no more than that it can't authenticate the data; the caller names the message.
        return null;
      }
    },
    erase(body) {
      if (!body.hasBody) return;
      // First the reference, then the slot: it may be another body's at once.
      markErased.run(body.number);
      if (body.keySlot !== null) slots.erase(body.keySlot);
      counters.bodyBytes -= body.bodyBytes;
      if (sweep(body.number)) list.run(body.number);
    },
    listed: () => listed.all(),
    sweep,
  };
}
