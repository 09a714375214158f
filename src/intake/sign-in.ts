/** Logins of devices at this box: checks passwords in constant time and slows down guessing. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { createSecret, type Secret } from '../core/secret.ts';
import { createWindowCounter } from './counters.ts';
import type { DeviceSettings } from './settings.ts';

/** The mechanisms this box can verify; nothing else is ever offered (docs/reference/quirks.md Q10). */
export const MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

/** What a device sent: a password, or for CRAM-MD5 a way to check one. */
export interface Credentials {
  user: string;
  proof: { kind: 'password'; password: string } | { kind: 'challenge'; matches(password: string): boolean };
}

export type SignedIn = { user: string; as: DeviceSettings | 'test' };

/** A login that exists only in memory, so that the box can send a test scan to itself. */
export interface TestLogin {
  user: string;
  password: string;
  revoke(): void;
}

export interface SignIn {
  hasLogins(): boolean;
  knows(user: string): boolean;
  /** Null when user or password is wrong; the failure then counts against the address. */
  check(address: string, credentials: Credentials): SignedIn | null;
  /** True while an address has failed too often; nothing is checked then. */
  isThrottled(address: string): boolean;
  issueTestLogin(): TestLogin;
  /** The logins of these devices from now on; test logins and counted failures stay. */
  replaceDevices(devices: readonly DeviceSettings[]): void;
}

interface Login {
  password: Secret;
  as: DeviceSettings | 'test';
}

const TEST_USER_BYTES = 6;
const TEST_PASSWORD_BYTES = 24;

export function createSignIn(deps: { clock: Clock; devices: readonly DeviceSettings[] }): SignIn {
  const logins = new Map<string, Login>();
  addDevices(deps.devices);
  const failures = createWindowCounter(deps.clock, LIMITS.authFailureWindowMs);
  /** Compared with when the user is not known, so that the answer takes as long. */
  const nobody: Login = {
    password: createSecret(randomBytes(TEST_PASSWORD_BYTES).toString('hex')),
    as: 'test',
  };

  function addDevices(devices: readonly DeviceSettings[]): void {
    for (const device of devices) {
      if (device.login) logins.set(device.login.user, { password: device.login.password, as: device });
    }
  }

  return {
    replaceDevices(devices) {
      for (const [user, { as }] of logins) if (as !== 'test') logins.delete(user);
      addDevices(devices);
    },
    hasLogins: () => logins.size > 0,
    knows: (user) => logins.has(user),
    check(address, { user, proof }) {
      const known = logins.get(user);
      const expected = (known ?? nobody).password.reveal();
      const isRight = proof.kind === 'password' ? isEqual(expected, proof.password) : proof.matches(expected);
      if (known && isRight) {
        failures.clear(address);
        return { user, as: known.as };
      }
      failures.add(address);
      return null;
    },
    isThrottled: (address) => failures.count(address) >= LIMITS.authFailuresMax,
    issueTestLogin() {
      const user = `test-${randomBytes(TEST_USER_BYTES).toString('hex')}`;
      const password = randomBytes(TEST_PASSWORD_BYTES).toString('base64url');
      logins.set(user, { password: createSecret(password), as: 'test' });
      return { user, password, revoke: () => void logins.delete(user) };
    },
  };
}

/** Hashing first gives both sides one length, which timingSafeEqual needs and which hides the true one. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
