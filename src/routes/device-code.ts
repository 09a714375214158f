/**
 * Signing in as a person: a code is shown in the log, the person enters it in a browser, and from then on the
 * library renews by itself. Nothing waits for the person: until then the route has a fault that says what to do.
 */
import { type AuthenticationResult, type ICachePlugin, PublicClientApplication } from '@azure/msal-node';
import type { Explanation } from '../core/errors.ts';
import { describeError, type Log } from '../core/log.ts';
import { RouteFailure } from './failure.ts';
import type { SignInClient } from './sign-in-client.ts';
import { SIGN_IN_NEEDED, signInFault, signInWaiting } from './sign-in-errors.ts';
import { readFact, writeFact } from './token-cache.ts';
import type { FactStore } from './types.ts';

/** How soon the route looks again whether the person has signed in. */
const LOOK_AGAIN_MS = 30_000;

export interface DeviceCodeOptions {
  id: string;
  clientId: string;
  authority: URL;
  scope: string;
  client: SignInClient;
  facts: FactStore;
  log: Log;
  /** False for a look that must not show a code. */
  asksPerson: boolean;
  /** Called when the person has signed in. */
  onSignedIn(result: AuthenticationResult): Promise<void>;
}

export interface DeviceCodeSignIn {
  /** A new token by the earlier sign-in. @throws RouteFailure where there is none, with the code to enter. */
  acquire(): Promise<AuthenticationResult>;
  stop(): void;
}

export function createDeviceCodeSignIn(options: DeviceCodeOptions): DeviceCodeSignIn {
  const { client, log } = options;
  const scopes = [options.scope];
  const application = new PublicClientApplication({
    auth: {
      clientId: options.clientId,
      authority: options.authority.href,
      knownAuthorities: [options.authority.host],
    },
    cache: { cachePlugin: keepIn(`device-code:${options.id}`, options) },
    system: { networkClient: client, disableInternalRetries: true },
  });
  let running: { prompt: Promise<string>; cancel(): void } | null = null;

  async function bySilence(): Promise<AuthenticationResult | null> {
    const [account] = await application.getAllAccounts();
    if (account === undefined) return null;
    try {
      return await application.acquireTokenSilent({ account, scopes, forceRefresh: true });
    } catch {
      const trouble = client.trouble();
      const isRefused = trouble?.failure === null && (trouble.status ?? 0) < 500;
      if (!isRefused) throw new RouteFailure(signInFault(trouble));
      log.warn('route.sign-in-expired', { aadsts: trouble?.aadsts });
      return null;
    }
  }

  /** Starts one sign-in and goes on in the background until it is done, refused or out of date. */
  function begin(): { prompt: Promise<string>; cancel(): void } {
    const prompt = Promise.withResolvers<string>();
    prompt.promise.catch(() => {});
    const request = {
      scopes,
      cancel: false,
      deviceCodeCallback: (shown: { userCode: string; verificationUri: string; expiresIn: number }) => {
        log.warn('route.device-code', {
          code: shown.userCode,
          address: shown.verificationUri,
          expiresInSeconds: shown.expiresIn,
        });
        prompt.resolve(`Open ${shown.verificationUri} and enter ${shown.userCode}.`);
      },
    };
    application
      .acquireTokenByDeviceCode(request)
      .then((result) => (result === null ? undefined : options.onSignedIn(result)))
      .catch((error: unknown) => {
        // A refusal before the code was shown is the fault of the route; after it, the code just ran out.
        prompt.reject(new RouteFailure(signInFault(client.trouble())));
        log.warn('route.device-code-ended', { reason: describeError(error) });
      })
      .finally(() => {
        running = null;
      });
    return {
      prompt: prompt.promise,
      cancel: () => {
        request.cancel = true;
      },
    };
  }

  return {
    async acquire() {
      const result = running === null ? await bySilence() : null;
      if (result !== null) return result;
      if (!options.asksPerson) throw waitingFor(SIGN_IN_NEEDED);
      running ??= begin();
      throw waitingFor(signInWaiting(await running.prompt));
    },
    stop: () => running?.cancel(),
  };
}

function waitingFor(why: Explanation): RouteFailure {
  return new RouteFailure({
    why,
    reply: null,
    needsPerson: true,
    retryAfterMs: LOOK_AGAIN_MS,
  });
}

/** The library's own cache, which holds the refresh token, kept over restarts. */
function keepIn(key: string, deps: { facts: FactStore; log: Log }): ICachePlugin {
  return {
    async beforeCacheAccess({ tokenCache }) {
      const kept = await readFact(key, deps);
      if (kept !== null) tokenCache.deserialize(kept);
    },
    async afterCacheAccess({ tokenCache, cacheHasChanged }) {
      if (cacheHasChanged) await writeFact(key, tokenCache.serialize(), deps);
    },
  };
}
