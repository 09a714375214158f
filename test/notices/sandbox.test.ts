/** Notices through the whole agent and the simulated tenant: what a person gets in the mail when a scan fails. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import type { ReceivedMessage } from '../../src/sandbox/message-store.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import { routeLines, startTenantSite } from '../flows/support/upstream.ts';
import type { TestAgent } from '../support/agent.ts';
import { type Site, type SiteOptions, startSite } from '../support/site.ts';
import { readByPython } from './support.ts';

const IT = 'it@contoso.com';
const GONE = 'gone@contoso.com';
let site: Site | null = null;
afterEach(async () => {
  await site?.stop();
  site = null;
});

const DEVICE = '{ id: copier-2f, name: "Kopierer, 2. OG – Büro", address: 127.0.0.1 }';

async function start(options: SiteOptions & { notices?: string } = {}): Promise<Site> {
  const { notices = '', ...more } = options;
  site = await startSite({
    devices: [DEVICE],
    more: [`notices: { to: [${IT}] ${notices} }`],
    ...more,
  });
  site.sandbox.tenant.missingRecipients.add(GONE);
  return site;
}

const SCAN = [
  'From: "Kopierer" <copier@contoso.com>',
  'Subject: Confidential dismissal of Meier',
  'Content-Type: application/pdf; name="dismissal.pdf"',
  '',
  'secret page',
  '',
].join('\r\n');

/** Hands a scan in; resolves with its id. */
async function scan(
  agent: TestAgent,
  to: readonly string[],
  { from = 'copier@contoso.com', device = '127.0.0.1', text = SCAN } = {},
): Promise<string> {
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port: agent.port(), localAddress: device },
    tls: 'starttls',
    hello: { verb: 'EHLO', name: 'copier' },
    from,
    to: [...to],
    message: Buffer.from(text),
  });
  expect(sent).toMatchObject({ accepted: true });
  return / as ([0-9a-z]+)\s*$/.exec(sent.replyText)?.[1] ?? '';
}

const bodyOf = (message: ReceivedMessage) => message.body ?? Buffer.alloc(0);
/** Date and time as RFC 5322 writes them, with an offset. */
const MAIL_DATE = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/;

test('a refused recipient is told in a report that any mail program reads, field by field', async () => {
  const { agent, arrived } = await start();
  const id = await scan(agent, ['anna@contoso.com', GONE]);
  const notice = await arrived(IT);
  const report = await readByPython(bodyOf(notice));
  expect(report.defects).toEqual([]);
  expect(report.type).toBe('multipart/report');
  expect(report.params['report-type']).toBe('delivery-status');
  expect(report.headers).toMatchObject({
    from: '"Scanferry, site" <postmaster@contoso.com>',
    to: IT,
    subject: `[site] Scan not delivered: Kopierer, 2. OG – Büro (copier-2f) to ${GONE}`,
    date: expect.stringMatching(MAIL_DATE),
    'auto-submitted': 'auto-replied',
    'x-auto-response-suppress': 'All',
    precedence: 'bulk',
    'message-id': expect.stringMatching(/^<notice\.message\.[0-9a-z]+\.\d+@scanferry\.local>$/),
  });
  const [text, status, header] = report.parts;

  expect(text?.type).toBe('text/plain');
  for (const line of [
    'Device:         Kopierer, 2. OG – Büro (copier-2f), 127.0.0.1',
    `Recipient:      ${GONE}`,
    'What happened:  There is no such recipient.',
    '  550 5.4.1 Recipient address rejected: Access denied.',
    'The scan is kept in the box for 14 days. Once the cause is removed, send it with',
    `  scanferry queue retry ${id}`,
  ]) {
    expect(text?.text?.split('\n')).toContain(line);
  }
  expect(text?.text).toMatch(/^Received: {7}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(UTC[+-]\d\d:\d\d\)$/m);

  expect(status?.type).toBe('message/delivery-status');
  expect(status?.parts.map(({ headers }) => headers)).toEqual([
    {
      'reporting-mta': 'dns; scanferry.local',
      'received-from-mta': 'dns; [127.0.0.1]',
      'arrival-date': expect.stringMatching(MAIL_DATE),
      'x-scanferry-message': id,
      'x-scanferry-device': 'copier-2f',
    },
    {
      'final-recipient': `rfc822; ${GONE}`,
      action: 'failed',
      status: '5.4.1',
      'remote-mta': 'dns; contoso-com.mail.protection.outlook.com',
      'diagnostic-code': 'smtp; 550 5.4.1 Recipient address rejected: Access denied.',
      'last-attempt-date': expect.stringMatching(MAIL_DATE),
    },
  ]);

  expect(header?.type).toBe('text/rfc822-headers');
  expect(header?.text).toContain('From: "Kopierer" <copier@contoso.com>');
  expect(header?.text).toContain(`Message-ID: <${id}@scanferry.local>`);
  for (const secret of ['Confidential', 'Meier', 'dismissal', 'secret page']) {
    expect(bodyOf(notice).toString(), secret).not.toContain(secret);
  }
  expect((await agent.agent.rooms.spool.show(id))?.hasBody).toBe(true);
});

describe('the sender in the envelope of a notice', () => {
  test('is its author on direct send, so that SPF has a domain to look at', async () => {
    const { agent, arrived } = await start();
    await scan(agent, [GONE]);
    expect((await arrived(IT)).sender).toBe('postmaster@contoso.com');
    const [notice] = await agent.agent.rooms.spool.list({ recipient: IT }, { limit: 1, before: null });
    expect(notice?.head).toMatchObject({ sender: '', origin: 'notice' });
  });

  test('is the mailbox on submission, whatever rewriteSender says', async () => {
    const tenant = await startTenantSite();
    try {
      const routes = routeLines(tenant.addresses, { mailbox: ', rewriteSender: off' }).mailbox;
      const agent = await tenant.startAgent({
        routes: `devices: [${DEVICE}]\nroutes:\n${routes}notices: { to: [${IT}], from: postmaster@contoso.com }\n`,
      });
      try {
        const to = 'reply-550-5.1.10@contoso.com';
        await scan(agent, [to], {
          from: DEFAULT_MAILBOX,
          text: SCAN.replace('copier@contoso.com', DEFAULT_MAILBOX),
        });
        const settled = await agent.settled(2, ['delivered', 'failed']);
        const notice = settled.find(({ head }) => head.origin === 'notice');
        expect(notice?.recipients).toMatchObject([{ address: IT, state: 'delivered' }]);
        const arrived = tenant.sandbox.received().find(({ recipients }) => recipients.includes(IT));
        expect(arrived?.sender).toBe(DEFAULT_MAILBOX);
        const { headers } = await readByPython(arrived?.body ?? Buffer.alloc(0));
        expect(headers['from']).toBe(`"Scanferry, upstream" <${DEFAULT_MAILBOX}>`);
        expect(headers['reply-to']).toBe('postmaster@contoso.com');
      } finally {
        await agent.stop();
      }
    } finally {
      await tenant.stop();
    }
  });
});

test('a notice that is refused itself is told by no other one', async () => {
  const { agent, sandbox } = await start();
  sandbox.tenant.missingRecipients.add(IT);
  await scan(agent, [GONE]);
  const event = await agent.when(async () => {
    const events = await agent.agent.rooms.spool.events(0, 100);
    return events.find(({ type }) => type === 'notice.failed') ?? null;
  }, 'the failed notice is an event');
  expect(event.data).toMatchObject({ recipient: IT, code: 'notice.not-delivered' });
  const all = await agent.agent.rooms.spool.list({}, { limit: 10, before: null });
  expect(all.filter(({ head }) => head.origin === 'notice')).toHaveLength(1);
});

test('the sender of the scan is told too where the config says so, unless a machine wrote it', async () => {
  const { agent, arrived, sandbox } = await start({ notices: ', toSender: true' });
  await scan(agent, [GONE], { from: 'kim@contoso.com' });
  const report = await readByPython(bodyOf(await arrived('kim@contoso.com')));
  expect(report.headers['subject']).toBe(`[site] Your scan was not delivered to ${GONE}`);
  await arrived(IT);
  await scan(agent, [GONE], { from: 'lee@contoso.com', text: `Auto-Submitted: auto-generated\r\n${SCAN}` });
  await sandbox.waitForMessages(3);
  expect(sandbox.received().flatMap(({ recipients }) => recipients)).toEqual(['kim@contoso.com', IT, IT]);
});

test('a reload turns notices on, and off again', async () => {
  const { agent, arrived } = await start({ more: [] });
  const silent = readFileSync(path.join(agent.directory, 'scanferry.yaml'), 'utf8').replace(
    /^dataDir.*\n/,
    '',
  );
  const before = await scan(agent, [GONE]);
  await agent.settled(1, ['failed']);
  agent.rewrite(`${silent}notices: { to: [${IT}] }
`);
  await agent.agent.reload('kim');
  const id = await scan(agent, [GONE]);
  const notice = bodyOf(await arrived(IT)).toString();
  expect(notice).toContain(id);
  expect(notice).not.toContain(before);
  agent.rewrite(silent);
  await agent.agent.reload('kim');
  expect((await agent.agent.rooms.spool.getFacts('notices')).size).toBe(0);
});
