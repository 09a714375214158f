/** Access tokens kept over restarts; the owner of the fact store seals them. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { describeError, type Log } from '../core/log.ts';
import type { FactStore } from './types.ts';

export interface Token {
  value: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

export interface TokenCache {
  get(): Promise<Token | null>;
  put(token: Token): Promise<void>;
  /** End of the token in hand, epoch milliseconds; null while none has been used. */
  expiresAt(): number | null;
}

const record = z.object({ holder: z.string(), value: z.string(), expiresAt: z.number() });

/**
 * @param holder whom a token is for (authority, application, scope): one of another holder is not used.
 */
export function createTokenCache(
  key: string,
  holder: readonly string[],
  { facts, log }: { facts: FactStore; log: Log },
): TokenCache {
  const holderHash = createHash('sha256').update(JSON.stringify(holder)).digest('base64url');
  let current: Token | null = null;

  async function read(): Promise<Token | null> {
    const text = await readFact(key, { facts, log });
    const parsed = text === null ? null : record.safeParse(JSON.parse(text));
    return parsed?.success && parsed.data.holder === holderHash
      ? { value: parsed.data.value, expiresAt: parsed.data.expiresAt }
      : null;
  }

  return {
    async get() {
      current ??= await read();
      return current;
    },
    async put(token) {
      current = token;
      await writeFact(key, JSON.stringify({ holder: holderHash, ...token }), { facts, log });
    },
    expiresAt: () => current?.expiresAt ?? null,
  };
}

/** A cache that can't be read (a new box key, a damaged store) costs one sign-in and must not stop the mail. */
export async function readFact(
  key: string,
  { facts, log }: { facts: FactStore; log: Log },
): Promise<string | null> {
  try {
    return await facts.get(key);
  } catch (error) {
    log.warn('route.token-unreadable', { key, reason: describeError(error) });
    return null;
  }
}

/** A token that can't be kept (a full disk) is still good until the restart. */
export async function writeFact(
  key: string,
  value: string,
  { facts, log }: { facts: FactStore; log: Log },
): Promise<void> {
  try {
    await facts.put(key, value);
  } catch (error) {
    log.warn('route.token-not-kept', { key, reason: describeError(error) });
  }
}
