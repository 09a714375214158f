/** Access tokens for submission: cached, renewed ahead of their end, asked for once however many wait. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { AuthenticationResult } from '@azure/msal-node';
import { LIMITS } from '../core/limits.ts';
import type { FileText } from '../core/settings.ts';
import { within } from './bounds.ts';
import { signInPlace } from './clouds.ts';
import { connectionFailure, RouteFailure } from './failure.ts';
import type { OauthSettings } from './settings.ts';
import { createSignInClient, type SignInClient } from './sign-in-client.ts';
import { signInFault } from './sign-in-errors.ts';
import { trustedAuthorities } from './tls.ts';
import { createTokenCache, type Token } from './token-cache.ts';
import type { RouteDeps, SignInFacts } from './types.ts';

export interface TokenSource {
  /** A token that lasts for the session. @throws RouteFailure, AttemptAborted */
  token(signal: AbortSignal): Promise<string>;
  /** Another token than the refused one. @throws RouteFailure, AttemptAborted */
  renew(refused: string, signal: AbortSignal): Promise<string>;
  facts(): SignInFacts;
  /** Ends what is under way. */
  stop(): void;
}

export interface TokenSourceOptions {
  /** Id of the route. */
  id: string;
  auth: OauthSettings;
  mailbox: string;
  ca?: FileText | undefined;
  /** False for a look that must not ask a person to sign in; left out, it asks. */
  asksPerson?: boolean;
}

/** The library's own worst case: discovery, token, and as many time-outs. */
const ACQUIRE_MAX_MS = 3 * LIMITS.signInRequestMaxMs;

export function createTokenSource(options: TokenSourceOptions, deps: RouteDeps): TokenSource {
  const { auth, id } = options;
  const { clock, log } = deps;
  const { authority, scope } = signInPlace(auth);
  const stopped = new AbortController();
  const client = createSignInClient({
    authority,
    authorities: trustedAuthorities(options.ca),
    clock,
    resolver: deps.resolver,
    signal: stopped.signal,
  });
  const cache = createTokenCache(`token:${id}`, [authority.href, auth.clientId, scope], deps);
  let signIn: SignIn | null = null;
  let pending: Promise<Token> | null = null;

  async function acquire(): Promise<Token> {
    signIn ??= await createSignIn(options, { authority, scope, client, deps, onSignedIn: keep });
    client.forget();
    const token = await keep(await signIn.acquire());
    log.info('route.signed-in', { expiresAt: token.expiresAt });
    return token;
  }

  async function keep(result: AuthenticationResult | null): Promise<Token> {
    const expiresAt = result?.expiresOn?.getTime();
    if (result === null || expiresAt === undefined || result.accessToken === '')
      throw new RouteFailure(signInFault(client.trouble()));
    const token = { value: result.accessToken, expiresAt };
    await cache.put(token);
    return token;
  }

  /** One request for all that wait; none of them can end it for the others. */
  async function acquireOnce(signal: AbortSignal): Promise<Token> {
    pending ??= acquire().finally(() => {
      pending = null;
    });
    return await within(
      pending,
      { clock, signal },
      {
        limitMs: ACQUIRE_MAX_MS,
        onTimeout: () => connectionFailure('route.timeout', authority.host),
      },
    );
  }

  return {
    async token(signal) {
      const kept = await cache.get();
      const leftMs = kept === null ? 0 : kept.expiresAt - clock.now();
      if (kept !== null && leftMs > LIMITS.tokenRenewAheadMs) return kept.value;
      try {
        return (await acquireOnce(signal)).value;
      } catch (error) {
        // The last minutes of a token bridge a short outage of the sign-in service.
        const isPassing = error instanceof RouteFailure && !error.fault.needsPerson;
        if (kept !== null && leftMs > 0 && isPassing) return kept.value;
        throw error;
      }
    },
    async renew(refused, signal) {
      const kept = await cache.get();
      // Another session has renewed it in the meantime.
      if (kept !== null && kept.value !== refused && kept.expiresAt > clock.now()) return kept.value;
      return (await acquireOnce(signal)).value;
    },
    facts: () => ({ tokenExpiresAt: cache.expiresAt(), clockSkew: client.clockSkew() }),
    stop() {
      stopped.abort();
      signIn?.stop();
    },
  };
}

interface SignIn {
  acquire(): Promise<AuthenticationResult | null>;
  stop(): void;
}

interface SignInParts {
  authority: URL;
  scope: string;
  client: SignInClient;
  deps: RouteDeps;
  onSignedIn(result: AuthenticationResult): Promise<Token>;
}

/** Loads Microsoft's library, which takes 5 MiB and which a route without OAuth has no use for. */
async function createSignIn(
  { id, auth, asksPerson = true }: TokenSourceOptions,
  parts: SignInParts,
): Promise<SignIn> {
  const { authority, scope, client, deps } = parts;
  if (auth.deviceCode) {
    const { createDeviceCodeSignIn } = await import('./device-code.ts');
    return createDeviceCodeSignIn({
      ...{ id, authority, scope, client, facts: deps.facts, log: deps.log, asksPerson },
      clientId: auth.clientId,
      onSignedIn: async (result) => {
        await parts.onSignedIn(result);
      },
    });
  }
  const { ConfidentialClientApplication } = await import('@azure/msal-node');
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: auth.clientId,
      authority: authority.href,
      // A known authority is taken as it is: no discovery at another host.
      knownAuthorities: [authority.host],
      ...clientCredential(auth),
    },
    system: { networkClient: client, disableInternalRetries: true },
  });
  return {
    async acquire() {
      try {
        return await application.acquireTokenByClientCredential({
          scopes: [scope],
          // The cache is ours, so that it lasts over restarts and a refused token is not served again.
          skipCache: true,
          azureRegion: 'DisableMsalForceRegion',
        });
      } catch {
        // What the library throws may quote the request; the client has kept what is worth telling.
        throw new RouteFailure(signInFault(client.trouble()));
      }
    },
    stop: () => {},
  };
}

function clientCredential({ clientSecret, certificate }: OauthSettings) {
  if (certificate === undefined) return { clientSecret: clientSecret?.reveal() ?? '' };
  try {
    const leaf = new X509Certificate(certificate.cert.text);
    const key = createPrivateKey(certificate.key.text);
    return {
      clientCertificate: {
        thumbprintSha256: leaf.fingerprint256.replaceAll(':', ''),
        privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
        x5c: certificate.cert.text,
      },
    };
  } catch (error) {
    throw connectionFailure('route.own-certificate-unusable', certificate.cert.path, { error });
  }
}
