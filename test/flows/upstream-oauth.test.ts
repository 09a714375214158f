/** Signing in by OAuth, the whole agent with Microsoft's own library against the simulated sign-in service. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import type { TestAgent } from '../support/agent.ts';
import {
  appOf,
  detailOf,
  pauseOf,
  routeLines,
  scanFrom,
  startTenantSite,
  statusOf,
  type TenantSite,
} from './support/upstream.ts';

const WRONG_SECRET = 'not-the-secret-of-the-app';

let site: TenantSite;
let agent: TestAgent | null = null;

beforeEach(async () => {
  site = await startTenantSite();
});
afterEach(async () => {
  await agent?.stop();
  agent = null;
  await site.stop();
});

const issued = () => site.sandbox.tenant.tokensIssued();
const bySecret = () => ({ routes: `routes:\n${routeLines(site.addresses).oauth}` });

async function restart(stopping: TestAgent, more: { env?: Record<string, string> } = {}): Promise<TestAgent> {
  await stopping.stop({ keep: true });
  return site.startAgent({ ...bySecret(), directory: stopping.directory, ...more });
}

test('delivers with a token by client secret, over TLS 1.2 or newer', async () => {
  agent = await site.startAgent(bySecret());
  const id = await scanFrom(agent);
  await agent.settled(1);
  const [message] = site.sandbox.received();
  expect(message).toMatchObject({ host: 'submission', user: DEFAULT_MAILBOX, sender: DEFAULT_MAILBOX });
  expect(message?.tls?.protocol).toMatch(/^TLSv1\.[23]$/);
  expect((await detailOf(agent, id)).attempts[0]?.results[0]?.reply).toMatch(/^250 2\.0\.0 OK/);
});

test('delivers with a token by client certificate', async () => {
  const { cert, key } = await site.sandbox.issueCertificate({ names: ['scanferry'], rsa: true });
  const app = appOf(site.sandbox);
  app.certificates.push(cert);
  app.secrets.length = 0;
  const { oauth } = routeLines(site.addresses, { auth: 'certificate: { cert: app.pem, key: app.key }' });
  agent = await site.startAgent({ routes: `routes:\n${oauth}`, files: { 'app.pem': cert, 'app.key': key } });
  await scanFrom(agent);
  await agent.settled(1);
  expect(site.sandbox.received()).toMatchObject([{ user: DEFAULT_MAILBOX }]);
});

test('signs in with the same token after a restart', async () => {
  agent = await site.startAgent(bySecret());
  await scanFrom(agent);
  await agent.settled(1);
  site.sandbox.tenant.authorityDown = true;
  agent = await restart(agent);
  await scanFrom(agent);
  await agent.settled(2);
  expect(issued()).toBe(1);
  expect(site.sandbox.received().map(({ user }) => user)).toEqual([DEFAULT_MAILBOX, DEFAULT_MAILBOX]);
});

test('renews a revoked token once, and delivers', async () => {
  agent = await site.startAgent(bySecret());
  await scanFrom(agent);
  await agent.settled(1);
  site.sandbox.tenant.revokeTokens();
  agent = await restart(agent);
  await scanFrom(agent);
  await agent.settled(2);
  expect(issued()).toBe(2);
  expect(statusOf(agent, 'mailbox')).toMatchObject({ state: 'open', pause: null });
});

test('pauses when the renewed token is refused too, and has not asked for a third', async () => {
  appOf(site.sandbox).mailboxes = [];
  agent = await site.startAgent(bySecret());
  const id = await scanFrom(agent);
  expect(await pauseOf(agent, 'mailbox')).toMatchObject({
    code: 'reply.sign-in-refused',
    needsPerson: true,
    reply: expect.stringMatching(/^535 5\.7\.3 /),
  });
  expect(issued()).toBe(2);
  expect((await detailOf(agent, id)).recipients).toMatchObject([{ state: 'queued', tries: 0 }]);

  appOf(site.sandbox).mailboxes = [DEFAULT_MAILBOX];
  agent.agent.rooms.dispatch.resumeRoute('mailbox', 'the test');
  await agent.settled(1);
});

test('a wrong secret pauses the route with the number of the sign-in service, and the right one heals it', async () => {
  agent = await site.startAgent({ ...bySecret(), env: { CLIENT_SECRET: WRONG_SECRET } });
  const id = await scanFrom(agent);
  expect(await pauseOf(agent, 'mailbox')).toMatchObject({
    code: 'route.sign-in.secret-wrong',
    cause: 'The client secret is wrong (AADSTS7000215).',
    advice: expect.stringContaining('Certificates & secrets'),
    needsPerson: true,
  });
  expect(issued()).toBe(0);
  expect(site.sandbox.sessions()).toEqual([]);
  const waiting = await detailOf(agent, id);
  expect(waiting.recipients).toMatchObject([{ state: 'queued', tries: 0 }]);
  expect(JSON.stringify([agent.log.lines, waiting.events])).not.toContain(WRONG_SECRET);

  agent = await restart(agent);
  await agent.settled(1);
  expect(site.sandbox.received()).toHaveLength(1);
});
