/** Looks into a database file of a stopped spool, past the spool. */
import Database from 'better-sqlite3';

/** Opens the file, hands it to `look`, closes it. */
export function lookInto<T>(file: string, look: (db: Database.Database) => T): T {
  const db = new Database(file);
  try {
    return look(db);
  } finally {
    db.close();
  }
}

export function countRows(file: string): { chunks: number; garbage: number; messages: number } {
  const count = (db: Database.Database, table: string) =>
    db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? -1;
  return lookInto(file, (db) => ({
    chunks: count(db, 'chunks'),
    garbage: count(db, 'garbage'),
    messages: count(db, 'messages'),
  }));
}
