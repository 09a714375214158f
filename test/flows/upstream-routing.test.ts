/** Three ways to one tenant: which way a scan takes, and what happens where a way is closed to it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import type { TestAgent } from '../support/agent.ts';
import {
  detailOf,
  LOGIN,
  pauseOf,
  routeLines,
  scanFrom,
  startTenantSite,
  statesOf,
  statusOf,
  type TenantSite,
} from './support/upstream.ts';

const OUTSIDE = 'someone@fabrikam.com';
const INSIDE = 'desk@contoso.com';

let site: TenantSite;
let agent: TestAgent;

beforeEach(async () => {
  site = await startTenantSite();
});
afterEach(async () => {
  await agent.stop();
  await site.stop();
});

const lines = (more?: Parameters<typeof routeLines>[1]) => routeLines(site.addresses, more);
const received = () => site.sandbox.received().map(({ host, recipients }) => ({ host, recipients }));

test('a connector by address carries a scan to the outside', async () => {
  site.sandbox.tenant.connector = { addresses: ['127.0.0.1'], certificateName: null, authorities: [] };
  agent = await site.startAgent({ routes: `routes:\n${lines().connector}` });
  await scanFrom(agent, { to: [OUTSIDE] });
  await agent.settled(1);
  expect(received()).toEqual([{ host: 'mx', recipients: [OUTSIDE] }]);
});

test('a connector by client certificate carries a scan to the outside', async () => {
  const { cert, key } = await site.sandbox.issueCertificate({ names: ['mail.contoso.com'] });
  const authorities = [site.addresses.caPem];
  site.sandbox.tenant.connector = { addresses: [], certificateName: 'mail.contoso.com', authorities };
  const { connector } = lines({ connector: ', certificate: { cert: box.pem, key: box.key }' });
  agent = await site.startAgent({
    routes: `routes:\n${connector}`,
    files: { 'box.pem': cert, 'box.key': key },
  });
  await scanFrom(agent, { to: [OUTSIDE] });
  await agent.settled(1);
  expect(site.sandbox.received()).toMatchObject([
    {
      host: 'mx',
      clientCertificate: 'mail.contoso.com',
      tls: { protocol: expect.stringMatching(/^TLSv1\.[23]$/) },
    },
  ]);
});

test('a connector that does not know this box pauses, names the address, and carries the scan once it does', async () => {
  site.sandbox.tenant.connector = { addresses: ['192.0.2.1'], certificateName: null, authorities: [] };
  agent = await site.startAgent({ routes: `routes:\n${lines().connector}` });
  const id = await scanFrom(agent, { to: [OUTSIDE] });
  const pause = await pauseOf(agent, 'connector');
  expect(pause).toMatchObject({ code: 'reply.tenant-attribution', needsPerson: true });
  expect(pause.cause).toContain('127.0.0.1');
  expect((await detailOf(agent, id)).recipients).toMatchObject([{ state: 'queued', tries: 0 }]);

  site.sandbox.tenant.connector.addresses.push('127.0.0.1');
  agent.agent.rooms.dispatch.resumeRoute('connector', 'the test');
  await agent.settled(1);
  expect(received()).toEqual([{ host: 'mx', recipients: [OUTSIDE] }]);
});

test('direct send that the tenant rejects pauses, and the mailbox takes over', async () => {
  site.sandbox.tenant.rejectDirectSend = true;
  agent = await site.startAgent({
    routes: `routes:\n${lines().direct}${lines().mailbox}routing: [{ use: [direct, mailbox] }]\n`,
  });
  const id = await scanFrom(agent);
  await agent.settled(1);
  expect(statusOf(agent, 'direct')).toMatchObject({
    state: 'paused',
    pause: { code: 'reply.direct-send-rejected', reply: expect.stringMatching(/^550 5\.7\.68 /) },
  });
  expect(site.sandbox.received()).toMatchObject([{ host: 'submission', user: DEFAULT_MAILBOX }]);
  const detail = await detailOf(agent, id);
  expect(detail.recipients).toMatchObject([{ state: 'delivered', tries: 1 }]);
  expect(detail.attempts.map(({ routeId }) => routeId)).toEqual(['direct', 'mailbox']);
});

test('a recipient outside fails with a sentence where direct send is the only way, and the one inside gets the scan', async () => {
  agent = await site.startAgent({ routes: `routes:\n${lines().direct}` });
  await scanFrom(agent, { to: [INSIDE, OUTSIDE] });
  const [detail] = await agent.settled(1, ['delivered', 'failed']);
  expect(statesOf(detail)).toEqual({ [INSIDE]: 'delivered', [OUTSIDE]: 'failed' });
  expect(detail?.recipients.find(({ address }) => address === OUTSIDE)).toMatchObject({
    code: 'message.no-route',
    cause: 'None of the routes that the routing rule names can carry mail to this recipient.',
  });
  expect(received()).toEqual([{ host: 'mx', recipients: [INSIDE] }]);
});

test('one scan is split over two routes by the domains of its recipients', async () => {
  agent = await site.startAgent({
    routes: `routes:\n${lines().direct}${lines().mailbox}routing:
  - { recipients: [contoso.com], use: [direct] }
  - { use: [mailbox] }
`,
  });
  const id = await scanFrom(agent, { to: [INSIDE, OUTSIDE, 'ann@contoso.com'] });
  await agent.settled(1);
  const messages = site.sandbox.received();
  expect(received().sort((one, other) => one.host.localeCompare(other.host))).toEqual([
    { host: 'mx', recipients: [INSIDE, 'ann@contoso.com'] },
    { host: 'submission', recipients: [OUTSIDE] },
  ]);
  const ids = messages.map(({ body }) =>
    /^Message-ID: (.*)$/im.exec(body?.toString('latin1') ?? '')?.[1]?.trim(),
  );
  const { head, attempts } = await detailOf(agent, id);
  expect(ids).toEqual([head.messageIdHeader, head.messageIdHeader]);
  expect(attempts.map(({ routeId }) => routeId).sort()).toEqual(['direct', 'mailbox']);
});

test('an unknown recipient fails with the reply of the tenant, and the others get the scan', async () => {
  agent = await site.startAgent({ routes: `routes:\n${lines().direct}` });
  await scanFrom(agent, { to: [INSIDE, 'nobody@contoso.com', 'ann@contoso.com'] });
  const [detail] = await agent.settled(1, ['delivered', 'failed']);
  expect(statesOf(detail)).toEqual({
    [INSIDE]: 'delivered',
    'nobody@contoso.com': 'failed',
    'ann@contoso.com': 'delivered',
  });
  expect(detail?.attempts).toHaveLength(1);
  const refused = detail?.attempts[0]?.results.find(({ address }) => address === 'nobody@contoso.com');
  expect(refused).toMatchObject({
    code: 'reply.recipient-unknown',
    reply: expect.stringMatching(/^550 5\.4\.1 /),
  });
  expect(received()).toEqual([{ host: 'mx', recipients: [INSIDE, 'ann@contoso.com'] }]);
});

test('a sender the mailbox may not use is held, the next one too without a try, and both go after their release', async () => {
  agent = await site.startAgent({
    routes: `routes:\n${lines({ mailbox: ', rewriteSender: off' }).mailbox}`,
  });
  const first = await scanFrom(agent);
  const [held] = await agent.settled(1, ['held']);
  expect(held?.recipients).toMatchObject([{ state: 'held', code: 'reply.send-as-denied' }]);
  expect(held?.attempts[0]?.results[0]?.reply).toMatch(/^554 5\.2\.252 SendAsDenied/);
  expect(held?.hasBody).toBe(true);
  const second = await scanFrom(agent);
  await agent.settled(2, ['held']);
  expect((await detailOf(agent, second)).recipients).toMatchObject([{ code: 'message.sender-held' }]);
  expect((await detailOf(agent, second)).attempts).toEqual([]);
  expect(statusOf(agent, 'mailbox').state).toBe('open');
  expect(site.sandbox.received()).toEqual([]);

  site.sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.sendAs.push(LOGIN.user);
  const { spool } = agent.agent.rooms;
  expect(await spool.act('release', { ids: [first, second] }, 'the test')).toMatchObject({ changed: 2 });
  await agent.settled(2);
  expect(site.sandbox.received().map(({ sender }) => sender)).toEqual([LOGIN.user, LOGIN.user]);
});
