/** Small durable facts of other rooms, as JSON texts. */
import type { Database } from 'better-sqlite3';
import { LIMITS } from '../core/limits.ts';

export interface FactTable {
  ofRoom(room: string): [key: string, json: string][];
  put(room: string, key: string, json: string): void;
  remove(room: string, key: string): void;
}

export function createFactTable(db: Database): FactTable {
  const select = db.prepare<[string], { key: string; value: string }>(
    'SELECT key, value FROM facts WHERE room = ? ORDER BY key',
  );
  const upsert = db.prepare<[string, string, string]>(
    'INSERT INTO facts (room, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const remove = db.prepare<[string, string]>('DELETE FROM facts WHERE room = ? AND key = ?');
  return {
    ofRoom: (room) => select.all(room).map(({ key, value }) => [key, value]),
    put: (room, key, json) => void upsert.run(room, key, json),
    remove: (room, key) => void remove.run(room, key),
  };
}

/** The JSON text of a fact. Throws for what is no JSON value, or too large. */
export function factText(room: string, key: string, value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`fact ${room}/${key} is not a JSON value`);
  if (json.length > LIMITS.spoolFactBytesMax) throw new RangeError(`fact ${room}/${key} is too large`);
  return json;
}
