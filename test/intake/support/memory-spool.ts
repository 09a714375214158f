/** The part of the spool that intake uses, in memory. */
import type { Receipt, Spool } from '../../../src/spool/types.ts';

export function createMemorySpool(): Spool {
  const facts = new Map<string, unknown>();
  const receipt: Receipt = {
    write: async () => {},
    commit: async () => {},
    abort: async () => {},
  };
  const used: Partial<Spool> = {
    receive: async () => receipt,
    record: async () => {},
    getFacts: async () => new Map(facts),
    putFact: async (_room, key, value) => void facts.set(key, value),
    deleteFact: async (_room, key) => void facts.delete(key),
  };
  return used as Spool;
}
