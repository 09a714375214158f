/** Small durable facts of other rooms, as JSON texts. */
import type { Database } from 'better-sqlite3';

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
