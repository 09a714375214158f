/** Stored bodies: chunk rows, the key that opens them, and their removal in pieces. */
import type { Database } from 'better-sqlite3';
import { LIMITS } from '../core/limits.ts';
import { release } from '../core/release.ts';
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
  /** Forgets the key; removes a single chunk, and lists more for the sweep. */
  erase(body: StoredBody): void;
  /** Bodies listed for removal. */
  listed(): number[];
  /** Removes chunks of a listed body, `chunksMax` at most, and returns how many; one that is empty is unlisted. */
  sweep(number: number, chunksMax: number): number;
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
  /** The only one of a small body: a range to choose from costs three times as much. */
  const removeChunk = db.prepare<[number]>('DELETE FROM chunks WHERE id = ?');
  const list = db.prepare<[number]>('INSERT OR IGNORE INTO garbage (number) VALUES (?)');
  const unlist = db.prepare<[number]>('DELETE FROM garbage WHERE number = ?');
  const listed = db.prepare<[], number>('SELECT number FROM garbage').pluck();
  const markErased = db.prepare<[number]>(
    'UPDATE messages SET has_body = 0, key_slot = NULL WHERE number = ?',
  );

  /** Keys of bodies being read: a body is read chunk by chunk, and unwrapping costs as much as opening one. */
  const opened = new Map<number, { wrapped: Buffer; key: Buffer }>();

  function keyOf(number: number, wrapped: Buffer): Buffer {
    const known = opened.get(number);
    if (known?.wrapped.equals(wrapped)) return known.key;
    const key = unwrapBodyKey(boxKey, number, wrapped);
    const [oldest] = opened.keys();
    if (oldest !== undefined && opened.size >= LIMITS.deliveriesMax) opened.delete(oldest);
    opened.set(number, { wrapped, key });
    return key;
  }

  function remove(number: number, chunksMax: number): number {
    return removeChunks.run(...childRange(number), chunksMax).changes;
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
        release(sealed.bytes);
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
        return openChunk(keyOf(body.number, wrapped), place, { bytes: sealed.bytes, tag: sealed.tag });
      } catch {
        // Node says no more than that it can't authenticate the data; the caller names the message.
        return null;
      } finally {
        release(sealed.bytes);
      }
    },
    erase(body) {
      if (!body.hasBody) return;
      opened.delete(body.number);
      // First the reference, then the slot: it may be another body's at once.
      markErased.run(body.number);
      if (body.keySlot !== null) slots.erase(body.keySlot);
      counters.bodyBytes -= body.bodyBytes;
      if (body.chunkCount > 1) list.run(body.number);
      else removeChunk.run(childId(body.number, 0));
    },
    listed: () => listed.all(),
    sweep(number, chunksMax) {
      const removed = remove(number, chunksMax);
      if (removed < chunksMax) unlist.run(number);
      return removed;
    },
  };
}
