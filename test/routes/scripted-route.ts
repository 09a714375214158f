/** A route to a scripted server under a name of our choice. */
import { createHash } from 'node:crypto';
import { createSecret } from '../../src/core/secret.ts';
import { signInPlace } from '../../src/routes/clouds.ts';
import { createRoute } from '../../src/routes/index.ts';
import { routeSettings } from '../../src/routes/settings.ts';
import type { Route } from '../../src/routes/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog, type QuietLog } from '../support/quiet-log.ts';
import { createFacts } from './bench.ts';

export interface ScriptedRoute {
  route: Route;
  clock: FakeClock;
  log: QuietLog;
  /** How often the address of another host, which is the sign-in service, was looked up. */
  signInsAt(): number;
}

/** @param given `token` is put into the cache; `auth.password` and `auth.clientSecret` may be plain text. */
export function scriptedRoute(
  host: string,
  port: number,
  given: Record<string, unknown> = {},
): ScriptedRoute {
  const { token, auth, ...rest } = given;
  const clock = createFakeClock();
  const log = createQuietLog();
  const facts = createFacts();
  let others = 0;
  const defaults = { id: 'scripted', kind: 'direct-send', domain: 'contoso.com', host, port };
  const secrets = auth === undefined ? {} : { auth: withSecrets(auth) };
  const settings = routeSettings().parse(withoutUndefined({ ...defaults, ...rest, ...secrets }));
  if (token !== undefined && settings.kind === 'submission' && settings.auth.kind === 'oauth') {
    const { authority, scope } = signInPlace(settings.auth);
    const holder = JSON.stringify([authority.href, settings.auth.clientId, scope]);
    const hash = createHash('sha256').update(holder).digest('base64url');
    facts.values.set('token:scripted', JSON.stringify({ ...(token as object), holder: hash }));
  }
  const resolve4 = async (name: string) => {
    if (name === host) return ['127.0.0.1'];
    others += 1;
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const missing = async () => {
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const resolver = { resolve4, resolve6: missing, resolveMx: missing };
  const route = createRoute(settings, { clock, log, facts, resolver, hostname: 'box.contoso.com' });
  return { route, clock, log, signInsAt: () => others };
}

function withSecrets(auth: unknown): unknown {
  if (typeof auth !== 'object' || auth === null) return auth;
  return Object.fromEntries(
    Object.entries(auth).map(([key, value]) => [
      key,
      ['password', 'clientSecret'].includes(key) ? createSecret(String(value)) : value,
    ]),
  );
}

function withoutUndefined(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
