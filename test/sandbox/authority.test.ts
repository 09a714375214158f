/** The simulated sign-in service, through the real MSAL and bare requests; its tokens at the submission host. */
import { createHash, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import {
  ConfidentialClientApplication,
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
  PublicClientApplication,
} from '@azure/msal-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_CLIENT_ID } from '../../src/sandbox/tenant.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Bench, startBench, xoauth2 } from './support.ts';

const SCOPE = 'https://outlook.office365.com/.default';
const MAILBOX = 'scanner@contoso.com';

let bench: Bench;
beforeEach(async () => {
  // MSAL stamps its assertions with the system's time.
  bench = await startBench(createFakeClock(Date.now()));
});
afterEach(() => bench.stop());

function app() {
  const found = bench.sandbox.tenant.apps.get(DEFAULT_CLIENT_ID);
  if (!found) throw new Error('no app');
  return found;
}

const secret = () => app().secrets[0]?.value ?? '';

/** HTTPS to the sandbox: its address, its name in the certificate, its authority as the only trust. */
function send(
  url: string,
  method: string,
  options: NetworkRequestOptions = {},
): Promise<{
  status: number;
  text: string;
}> {
  const { port, address } = bench.addresses.authority;
  return new Promise((resolve, reject) => {
    const { hostname, host, pathname, search } = new URL(url);
    const sent = request(
      {
        method,
        port,
        host: address,
        servername: hostname,
        path: pathname + search,
        ca: bench.addresses.caPem,
        agent: false,
        headers: { ...options.headers, host },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

function networkClient(): INetworkModule {
  async function go<T>(
    url: string,
    method: string,
    options?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> {
    const { status, text } = await send(url, method, options);
    return { status, headers: {}, body: JSON.parse(text) };
  }
  return {
    sendGetRequestAsync: (url, options) => go(url, 'GET', options),
    sendPostRequestAsync: (url, options) => go(url, 'POST', options),
  };
}

function auth() {
  const { host, port, url } = bench.addresses.authority;
  return { clientId: DEFAULT_CLIENT_ID, authority: url, knownAuthorities: [`${host}:${port}`] };
}

function confidential(credentials: object): ConfidentialClientApplication {
  return new ConfidentialClientApplication({
    auth: { ...auth(), ...credentials },
    system: { networkClient: networkClient() },
  });
}

async function tryToken(token: string, user = MAILBOX): Promise<string> {
  const client = await bench.secureSubmission();
  return client.say(`AUTH XOAUTH2 ${xoauth2(user, token)}`);
}

/** A token request by hand; the AADSTS number it fails with, or null. */
async function failure(
  form: Record<string, string>,
  tenant = 'contoso.onmicrosoft.com',
): Promise<number | null> {
  const base = { grant_type: 'client_credentials', client_id: DEFAULT_CLIENT_ID, scope: SCOPE };
  const body = new URLSearchParams({ ...base, ...form }).toString();
  const { host, port } = bench.addresses.authority;
  const { status, text } = await send(`https://${host}:${port}/${tenant}/oauth2/v2.0/token`, 'POST', {
    body,
  });
  if (status === 200) return null;
  const parsed = JSON.parse(text);
  expect(parsed.error_description).toMatch(/^AADSTS\d+: .+Trace ID: .+Correlation ID: .+Timestamp: /);
  return parsed.error_codes[0];
}

test('gives MSAL a token for a secret, which signs the mailbox in', async () => {
  const client = confidential({ clientSecret: secret() });
  const result = await client.acquireTokenByClientCredential({ scopes: [SCOPE] });
  expect(await tryToken(result?.accessToken ?? '')).toMatch(/^235 2\.7\.0 /);
  expect(bench.sandbox.tenant.tokensIssued()).toBe(1);
});

test('gives MSAL a token for a registered certificate and refuses another one', async () => {
  const { key, cert } = await bench.sandbox.issueCertificate({ names: ['scanferry'], rsa: true });
  const thumbprintSha256 = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
  const client = confidential({ clientCertificate: { thumbprintSha256, privateKey: key } });
  await expect(client.acquireTokenByClientCredential({ scopes: [SCOPE] })).rejects.toThrow('AADSTS700027');
  app().certificates.push(cert);
  const result = await client.acquireTokenByClientCredential({ scopes: [SCOPE] });
  expect(await tryToken(result?.accessToken ?? '')).toMatch(/^235 /);
});

test('signs a person in by device code and renews by refresh token', async () => {
  const { tenant } = bench.sandbox;
  tenant.deviceCodeIntervalS = 0;
  const client = new PublicClientApplication({ auth: auth(), system: { networkClient: networkClient() } });
  const scopes = ['https://outlook.office.com/SMTP.Send'];
  const result = await client.acquireTokenByDeviceCode({
    scopes,
    deviceCodeCallback: ({ userCode }) => {
      expect(tenant.approveDeviceCode('UNKNOWN', MAILBOX)).toBe(false);
      expect(tenant.approveDeviceCode(userCode, MAILBOX)).toBe(true);
    },
  });
  expect(await tryToken(result?.accessToken ?? '')).toMatch(/^235 /);
  expect(await tryToken(result?.accessToken ?? '', 'other@contoso.com')).toMatch(/^535 /);
  const account = result?.account;
  if (!account) throw new Error('no account');
  const renewed = await client.acquireTokenSilent({ scopes, account, forceRefresh: true });
  expect(renewed.accessToken).not.toBe(result.accessToken);
  expect(await tryToken(renewed.accessToken)).toMatch(/^235 /);
});

test('refuses a device code where conditional access blocks it', async () => {
  bench.sandbox.tenant.deviceCodeBlocked = true;
  bench.sandbox.tenant.deviceCodeIntervalS = 0;
  const client = new PublicClientApplication({ auth: auth(), system: { networkClient: networkClient() } });
  const deviceCodeCallback = ({ userCode }: { userCode: string }) =>
    void bench.sandbox.tenant.approveDeviceCode(userCode, MAILBOX);
  await expect(
    client.acquireTokenByDeviceCode({ scopes: ['https://outlook.office.com/SMTP.Send'], deviceCodeCallback }),
  ).rejects.toThrow('invalid_grant');
});

test('answers wrong requests with the numbers Microsoft gives', async () => {
  expect(await failure({ client_secret: secret() })).toBeNull();
  expect(await failure({ client_secret: 'wrong' })).toBe(7000215);
  expect(await failure({})).toBe(7000218);
  expect(await failure({ client_secret: secret(), client_id: 'unknown' })).toBe(700016);
  expect(await failure({ client_secret: secret() }, 'fabrikam.com')).toBe(90002);
  expect(await failure({ client_secret: secret(), scope: 'https://outlook.office365.com/SMTP.Send' })).toBe(
    1002012,
  );
  expect(await failure({ client_secret: secret(), scope: 'https://fabrikam.com/.default' })).toBe(70011);
  expect(await failure({ client_secret: secret(), grant_type: 'password' })).toBe(70003);
  app().secrets = [{ value: 'old', expiresAt: bench.clock.now() - 1 }];
  expect(await failure({ client_secret: 'old' })).toBe(7000222);
});

test('ends a token by the clock, by revocation, and without role or permission', async () => {
  const token = async () =>
    (await confidential({ clientSecret: secret() }).acquireTokenByClientCredential({ scopes: [SCOPE] }))
      ?.accessToken ?? '';
  const first = await token();
  expect(await tryToken(first)).toMatch(/^235 /);
  await bench.clock.advance(3_600_000);
  expect(await tryToken(first)).toMatch(/^535 5\.7\.3 /);
  const second = await token();
  bench.sandbox.tenant.revokeTokens();
  expect(await tryToken(second)).toMatch(/^535 /);
  const third = await token();
  app().canSendAsApp = false;
  expect(await tryToken(third)).toMatch(/^535 /);
  app().canSendAsApp = true;
  app().mailboxes = [];
  expect(await tryToken(third)).toMatch(/^535 /);
});

test('is down on request, and shows a bad certificate on request', async () => {
  const { host, port, url } = bench.addresses.authority;
  const discovery = `${url}/v2.0/.well-known/openid-configuration`;
  const parsed = JSON.parse((await send(discovery, 'GET')).text);
  expect(parsed.token_endpoint).toBe(`${url}/oauth2/v2.0/token`);
  expect((await send(`https://${host}:${port}/common/discovery/instance`, 'GET')).status).toBe(200);
  bench.sandbox.tenant.authorityDown = true;
  expect((await send(discovery, 'GET')).status).toBe(503);
  bench.sandbox.tenant.authorityCertificate = 'expired';
  await expect(send(discovery, 'GET')).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' });
});
