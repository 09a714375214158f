/** Opaque access and refresh tokens of the simulated sign-in service: who may use them, until when. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

/** Microsoft's tokens live 60 to 90 minutes; client libraries see the shortest. */
const ACCESS_LIFETIME_S = 3599;

export interface TokenOwner {
  clientId: string;
  /** The person who signed in, or null for an app's own token. */
  user: string | null;
  scope: string;
}

export interface TokenService {
  /** Makes an access token; returns it with its lifetime in seconds. */
  issue(owner: TokenOwner): { value: string; expiresInS: number };
  issueRefresh(owner: TokenOwner): string;
  /** Whose token it is, or null when it is unknown, expired or revoked. */
  owner(token: string): TokenOwner | null;
  refreshOwner(token: string): TokenOwner | null;
  revokeAll(): void;
  /** Access tokens issued since the start. */
  issued(): number;
}

export function createTokenService(clock: Clock): TokenService {
  const access = new Map<string, TokenOwner & { expiresAt: number }>();
  const refresh = new Map<string, TokenOwner>();
  let issued = 0;

  return {
    issue(owner) {
      const value = `sandbox.${randomBytes(48).toString('base64url')}`;
      keepNewest(access, LIMITS.sandboxRecordsMax);
      access.set(value, { ...owner, expiresAt: clock.now() + ACCESS_LIFETIME_S * 1000 });
      issued++;
      return { value, expiresInS: ACCESS_LIFETIME_S };
    },
    issueRefresh(owner) {
      const value = `refresh.${randomBytes(48).toString('base64url')}`;
      keepNewest(refresh, LIMITS.sandboxRecordsMax);
      refresh.set(value, owner);
      return value;
    },
    owner(token) {
      const found = access.get(token);
      return found && found.expiresAt > clock.now() ? found : null;
    },
    refreshOwner: (token) => refresh.get(token) ?? null,
    revokeAll() {
      access.clear();
      refresh.clear();
    },
    issued: () => issued,
  };
}

/** Makes room for one more by forgetting the oldest entry. */
export function keepNewest<T>(entries: Map<string, T>, max: number): void {
  if (entries.size < max) return;
  const oldest = entries.keys().next();
  if (!oldest.done) entries.delete(oldest.value);
}
