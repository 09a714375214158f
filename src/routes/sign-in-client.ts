/**
 * How the Microsoft sign-in library talks to the network: HTTPS to the configured authority and nowhere else, with
 * the route's own name servers and authorities, limited in time and size. The library hides why a request failed,
 * so the client remembers it.
 */
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from '@azure/msal-node';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { within } from './bounds.ts';
import { connectionFailure, RouteFailure } from './failure.ts';
import { faultCodeOf } from './faults.ts';
import { findAddresses } from './names.ts';
import { TLS_MIN_VERSION } from './tls.ts';
import type { NameResolver, SignInFacts } from './types.ts';

/** Why the latest request came to nothing. */
export interface SignInTrouble {
  /** The network's part, or null where the service answered. */
  failure: RouteFailure | null;
  status: number | null;
  /** Number of the service's error, such as 7000215. */
  aadsts: number | null;
}

export interface SignInClient extends INetworkModule {
  /** Null while nothing went wrong since `forget`. */
  trouble(): SignInTrouble | null;
  forget(): void;
  /** How our clock stood against the service's, by the Date of its latest answer; null before the first. */
  clockSkew(): SignInFacts['clockSkew'];
}

export interface SignInClientDeps {
  authority: URL;
  /** PEM of the certificate authorities to trust. */
  authorities: string[];
  clock: Clock;
  resolver: NameResolver;
  /** Ends requests at a stop. */
  signal: AbortSignal;
}

export function createSignInClient(deps: SignInClientDeps): SignInClient {
  let trouble: SignInTrouble | null = null;
  let clockSkew: SignInFacts['clockSkew'] = null;

  async function send<T>(method: 'GET' | 'POST', url: string, options?: NetworkRequestOptions) {
    try {
      const response = await exchange<T>(deps, { method, url: new URL(url), options });
      clockSkew = skewOf(response, deps.clock.now()) ?? clockSkew;
      if (response.status >= 400) trouble = troubleOf(response);
      return response;
    } catch (error) {
      if (error instanceof RouteFailure) trouble = { failure: error, status: null, aadsts: null };
      throw error;
    }
  }

  return {
    sendGetRequestAsync: (url, options) => send('GET', url, options),
    sendPostRequestAsync: (url, options) => send('POST', url, options),
    trouble: () => trouble,
    clockSkew: () => clockSkew,
    forget: () => {
      trouble = null;
    },
  };
}

/** Date has whole seconds (RFC 9110 5.6.7); what the way back took is counted as well. */
function skewOf({ headers }: NetworkResponse<unknown>, now: number): SignInFacts['clockSkew'] {
  const date = Date.parse(headers['date'] ?? '');
  return Number.isNaN(date) ? null : { aheadMs: now - date, measuredAt: now };
}

function troubleOf({ status, body }: NetworkResponse<unknown>): SignInTrouble {
  const description =
    typeof body === 'object' && body !== null ? Reflect.get(body, 'error_description') : undefined;
  const digits = /AADSTS(\d+)/.exec(String(description))?.[1];
  return { failure: null, status, aadsts: digits === undefined ? null : Number(digits) };
}

interface Request {
  method: 'GET' | 'POST';
  url: URL;
  options: NetworkRequestOptions | undefined;
}

async function exchange<T>(deps: SignInClientDeps, { method, url, options }: Request) {
  const { authority, clock, signal } = deps;
  const where = `${url.hostname}:${url.port || 443}`;
  if (url.protocol !== 'https:' || url.host !== authority.host)
    throw connectionFailure('route.sign-in-elsewhere', where);
  const cut = new AbortController();
  const answer = new Promise<NetworkResponse<T>>((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method,
        headers: options?.headers ?? {},
        agent: false,
        lookup: createLookup(deps),
        ca: deps.authorities,
        minVersion: TLS_MIN_VERSION,
        rejectUnauthorized: true,
        signal: cut.signal,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > LIMITS.signInResponseBytesMax) incoming.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        incoming.on('error', reject);
        incoming.on('end', () => {
          const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: Object.fromEntries(headers),
            body: parseBody<T>(Buffer.concat(chunks)),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options?.body);
  }).catch((error: unknown) => {
    throw error instanceof RouteFailure ? error : connectionFailure(faultCodeOf(error), where, { error });
  });
  try {
    return await within(
      answer,
      { clock, signal },
      { limitMs: LIMITS.signInRequestMaxMs, onTimeout: () => connectionFailure('route.timeout', where) },
    );
  } finally {
    cut.abort();
  }
}

/** The sign-in library reads the fields it knows and treats an answer without them as a failure. */
function parseBody<T>(bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch {
    return {} as T;
  }
}

/** A lookup for Node's own clients that asks the name servers of the routes. */
export function createLookup({
  resolver,
  clock,
  signal,
}: Pick<SignInClientDeps, 'resolver' | 'clock' | 'signal'>): LookupFunction {
  return (host, options, callback) => {
    findAddresses(resolver, host, { clock, signal }).then(
      (addresses) => {
        const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        if (options.all) callback(null, all);
        else callback(null, all[0]?.address ?? '', all[0]?.family);
      },
      (error: Error) => callback(error, ''),
    );
  };
}
