/** The simulated sign-in service login.microsoftonline.com over HTTPS: discovery, tokens, device codes. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { CertificateAuthority } from './certificates.ts';
import { type GrantDeps, type GrantResult, grantToken, startDeviceCode, unknownTenant } from './grants.ts';
import { createTlsContexts } from './tls-contexts.ts';

export const AUTHORITY_HOST = 'login.microsoftonline.com';

export interface Authority {
  start(): Promise<{ address: string; port: number }>;
  stop(): Promise<void>;
}

const PATHS = {
  discovery: '/v2.0/.well-known/openid-configuration',
  token: '/oauth2/v2.0/token',
  deviceCode: '/oauth2/v2.0/devicecode',
} as const;

export function createAuthority(
  deps: GrantDeps & { log: Log; address: string; certificates: CertificateAuthority },
): Authority {
  const { tenant, log, clock } = deps;
  const contexts = createTlsContexts(deps.certificates, [AUTHORITY_HOST]);
  let server: Server | null = null;
  let port = 0;

  async function respond(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (tenant.authorityDown) return { status: 503, body: { error: 'temporarily_unavailable' } };
    const url = new URL(request.url ?? '/', `https://${AUTHORITY_HOST}:${port}`);
    if (request.method === 'GET') return discover(url);
    if (request.method !== 'POST') return { status: 405, body: { error: 'method_not_allowed' } };
    const form = await readForm(request);
    if (form === null) return { status: 413, body: { error: 'request_too_large' } };
    return toResponse(post(url, form));
  }

  function discover(url: URL): { status: number; body: unknown } {
    const own = `${AUTHORITY_HOST}:${port}`;
    if (url.pathname === '/common/discovery/instance') {
      const [tenantId = ''] = tenant.ids;
      return {
        status: 200,
        body: {
          tenant_discovery_endpoint: `https://${own}/${tenantId}${PATHS.discovery}`,
          'api-version': '1.1',
          metadata: [{ preferred_network: own, preferred_cache: own, aliases: [own] }],
        },
      };
    }
    const name = tenantOf(url.pathname, PATHS.discovery);
    if (name === null) return { status: 404, body: { error: 'not_found' } };
    return tenant.ids.includes(name)
      ? { status: 200, body: configuration(`https://${own}/${name}`) }
      : toResponse(unknownTenant(name));
  }

  function post(url: URL, form: URLSearchParams): GrantResult {
    const token = tenantOf(url.pathname, PATHS.token);
    const device = tenantOf(url.pathname, PATHS.deviceCode);
    const name = token ?? device ?? '';
    if (!tenant.ids.includes(name)) return unknownTenant(name);
    if (token !== null) return grantToken(deps, form, url.origin + url.pathname);
    return startDeviceCode(deps, form, `https://${AUTHORITY_HOST}:${port}/devicelogin`);
  }

  function toResponse(result: GrantResult): { status: number; body: unknown } {
    if ('ok' in result) return { status: 200, body: result.ok };
    const { status, error, code, text } = result.failed;
    const [trace, correlation] = [randomUUID(), randomUUID()];
    const timestamp = new Date(clock.now()).toISOString().replace('T', ' ').slice(0, 19).concat('Z');
    return {
      status,
      body: {
        error,
        error_description: `AADSTS${code}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
        error_codes: [code],
        timestamp,
        trace_id: trace,
        correlation_id: correlation,
        error_uri: `https://${AUTHORITY_HOST}/error?code=${code}`,
      },
    };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await respond(request);
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.end(JSON.stringify(body));
  }

  return {
    async start() {
      const made = createServer(
        {
          SNICallback: (_name, done) => {
            const wanted = { certificate: tenant.authorityCertificate, tlsMaxVersion: null };
            contexts.context(wanted, []).then((context) => done(null, context), done);
          },
        },
        (request, response) => {
          handle(request, response).catch((error: unknown) => {
            log.warn('sandbox.authority-cut', { error: describeError(error) });
            response.destroy();
          });
        },
      );
      server = made;
      made.on('tlsClientError', (error) =>
        log.debug('sandbox.authority-tls', { error: describeError(error) }),
      );
      await new Promise<void>((resolve, reject) => {
        made.once('error', reject).listen(0, deps.address, resolve);
      });
      const bound = made.address();
      if (bound !== null && typeof bound === 'object') port = bound.port;
      return { address: deps.address, port };
    },
    async stop() {
      const open = server;
      if (!open) return;
      server = null;
      const closed = new Promise<void>((resolve) => open.close(() => resolve()));
      open.closeAllConnections();
      await closed;
    },
  };
}

function configuration(base: string): Record<string, unknown> {
  return {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}${PATHS.token}`,
    device_authorization_endpoint: `${base}${PATHS.deviceCode}`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    response_types_supported: ['code', 'id_token', 'token'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
  };
}

/** The tenant in `/<tenant><path>`, or null when the path is another one. */
function tenantOf(pathname: string, path: string): string | null {
  const name = pathname.slice(1, -path.length);
  return pathname.endsWith(path) && name !== '' && !name.includes('/') ? decodeURIComponent(name) : null;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LIMITS.sandboxRequestBytesMax) return null;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
