/** The network client of the sign-in library: where it goes, and how long it waits. */
import { createServer, type Server } from 'node:https';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createSignInClient, type SignInClient } from '../../src/routes/sign-in-client.ts';
import { createTestCertificates, type TestCertificates } from '../support/certificates.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const HOST = 'login.contoso.com';
const clock = createFakeClock();
const servers: Server[] = [];
let certificates: TestCertificates;
beforeAll(async () => {
  certificates = await createTestCertificates({ names: [HOST] });
});
afterAll(() => certificates.remove());
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** @param body what the server answers; null is silence. */
async function start(
  body: string | null,
  status = 200,
): Promise<{ client: SignInClient; url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer(await certificates.server('valid'), (_request, response) => {
    asked += 1;
    if (body !== null) response.writeHead(status).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const url = `https://${HOST}:${typeof bound === 'object' && bound !== null ? bound.port : 0}/tenant`;
  const missing = async () => [];
  const client = createSignInClient({
    authority: new URL(url),
    authorities: [certificates.ca],
    clock,
    resolver: { resolve4: async () => ['127.0.0.1'], resolve6: missing, resolveMx: missing },
    signal: new AbortController().signal,
  });
  return { client, url, asked: () => asked };
}

test('reads an answer', async () => {
  const { client, url } = await start('{"token_type":"Bearer"}');
  expect(await client.sendPostRequestAsync(url, { body: 'a=b' })).toMatchObject({
    status: 200,
    body: { token_type: 'Bearer' },
  });
  expect(client.trouble()).toBeNull();
});

test('keeps the number of a refusal and nothing else of it', async () => {
  const description = 'AADSTS7000215: Invalid client secret provided. Trace ID: 1';
  const { client, url } = await start(JSON.stringify({ error: 'x', error_description: description }), 401);
  await client.sendPostRequestAsync(url);
  expect(client.trouble()).toEqual({ failure: null, status: 401, aadsts: 7000215 });
});

test.each([
  ['another host', (url: string) => url.replace(HOST, 'login.example.org')],
  ['another port', (url: string) => url.replace(/:\d+/, ':1')],
  ['a connection without encryption', (url: string) => url.replace('https:', 'http:')],
])('does not go to %s', async (_name, change) => {
  const { client, url, asked } = await start('{}');
  await expect(client.sendPostRequestAsync(change(url), { body: 'secret' })).rejects.toMatchObject({
    fault: { why: { code: 'route.sign-in-elsewhere' } },
  });
  expect(asked()).toBe(0);
});

test('waits half a minute', async () => {
  const { client, url, asked } = await start(null);
  const answer = client.sendGetRequestAsync(url);
  const failed = expect(answer).rejects.toMatchObject({ fault: { why: { code: 'route.timeout' } } });
  await expect.poll(asked).toBe(1);
  await clock.advance(30_000);
  await failed;
});

test('reads no more than a bound', async () => {
  const { client, url } = await start('x'.repeat(1024 * 1024));
  await expect(client.sendGetRequestAsync(url)).rejects.toMatchObject({ name: 'RouteFailure' });
});

test('takes an answer that is no JSON for an empty one', async () => {
  const { client, url } = await start('<html>Sign in to the hotel</html>', 503);
  expect((await client.sendGetRequestAsync(url)).body).toEqual({});
  expect(client.trouble()).toEqual({ failure: null, status: 503, aadsts: null });
});
