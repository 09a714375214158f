/** Submission against the simulated tenant. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSecret } from '../../src/core/secret.ts';
import { type Bench, MAILBOX, outcomeFor, SCAN, send, sha256, startBench, summary } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(() => bench.stop());

test('delivers over verified TLS, signed in by password', async () => {
  const report = await send(bench.submission());
  expect(report.fault).toBeNull();
  expect(report.results).toEqual([
    {
      address: 'office@contoso.com',
      outcome: {
        kind: 'delivered',
        reply: { code: 250, enhanced: '2.0.0', text: expect.stringMatching(/^250 2\.0\.0 /) },
      },
    },
  ]);
  expect(report.upstream).toMatchObject({
    host: 'smtp.office365.com',
    address: '127.0.0.1',
    tls: { protocol: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/) },
  });
  const [received] = bench.sandbox.received();
  expect(received).toMatchObject({ user: MAILBOX, sender: MAILBOX, recipients: ['office@contoso.com'] });
  expect(received?.body?.toString()).toBe(SCAN);
});

test('says nothing in plain text but EHLO and STARTTLS', async () => {
  await send(bench.submission());
  const plain = bench.sandbox.sessions()[0]?.commands.filter((command) => command.includes('plain'));
  expect(plain).toEqual(['EHLO (plain)', 'STARTTLS (plain)']);
});

test('keeps a refused recipient apart from those that were accepted', async () => {
  const recipients = ['office@contoso.com', 'nobody@contoso.com', 'reply-452-4.5.3@contoso.com'];
  const report = await send(bench.submission(), { recipients });
  expect(report.fault).toBeNull();
  expect(outcomeFor(report, 'office@contoso.com')?.kind).toBe('delivered');
  expect(bench.sandbox.received()[0]?.recipients).toEqual(
    recipients.filter((address) => outcomeFor(report, address)?.kind === 'delivered'),
  );
});

test('uses the kept connection for the next message', async () => {
  const route = bench.submission();
  await send(route);
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.sessions()).toHaveLength(1);
});

test('closes a connection that idles', async () => {
  const route = bench.submission();
  await send(route);
  await bench.clock.advance(5000);
  await send(route);
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('opens a new connection when the kept one turns out to be dead', async () => {
  const route = bench.submission();
  await send(route);
  bench.sandbox.tenant.replyTo({
    stage: 'mail',
    match: 'always',
    reply: '421 4.4.2 idle for too long',
    times: 1,
  });
  const report = await send(route);
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.sessions()).toHaveLength(2);
});

test('pauses for a person when the password is refused', async () => {
  const route = bench.submission({ auth: { kind: 'basic', password: createSecret('wrong horse') } });
  const report = await send(route);
  expect(report.results).toEqual([]);
  expect(report.fault).toMatchObject({
    needsPerson: true,
    why: { code: 'reply.sign-in-refused' },
    reply: { code: 535, enhanced: '5.7.3' },
  });
  expect(JSON.stringify([report, bench.log.lines])).not.toContain('wrong horse');
});

test('tells a tenant switch by the text of the reply', async () => {
  bench.sandbox.tenant.smtpAuthDisabled = 'tenant';
  expect((await send(bench.submission())).fault?.why.code).toBe('reply.smtp-auth-disabled-tenant');
});

test('holds a message whose sender the mailbox may not use', async () => {
  const route = bench.submission({ rewriteSender: 'off' });
  const report = await send(route, { body: SCAN.replace('scanner@', 'boss@'), sender: 'boss@contoso.com' });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'hold reply.send-as-denied' });
});

test('puts the mailbox in place of a foreign sender, and the sender into Reply-To', async () => {
  const report = await send(bench.submission(), {
    body: SCAN.replace('scanner@', 'boss@'),
    sender: 'boss@contoso.com',
  });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  const [received] = bench.sandbox.received();
  expect(received?.sender).toBe(MAILBOX);
  expect(received?.body?.toString()).toBe(
    SCAN.replace(
      'From: Copier <scanner@contoso.com>\r\n',
      `From: Copier <${MAILBOX}>\r\nReply-To: <boss@contoso.com>\r\n`,
    ),
  );
});

test.each([
  ['dots at line starts', '\r\n.\r\n..\r\n.x\r\n...\r\n'],
  ['8-bit bytes', '\r\n\xc3\xa4\xff\x80\r\n'],
  ['no content', '\r\n'],
])('sends a body with %s byte for byte', async (_name, content) => {
  const body = Buffer.from(`From: <${MAILBOX}>\r\n${content}`, 'latin1');
  const report = await send(bench.submission(), { body });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.received()[0]?.body?.toString('latin1')).toBe(body.toString('latin1'));
});

test('ends the last line of a body that does not', async () => {
  const report = await send(bench.submission(), { body: `From: <${MAILBOX}>\r\n\r\nno line end` });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.received()[0]?.body?.toString()).toBe(`From: <${MAILBOX}>\r\n\r\nno line end\r\n`);
});

test('sends 25 MiB byte for byte', async () => {
  const line = Buffer.from(`.${'x'.repeat(75)}\r\n`);
  const head = Buffer.from(`From: <${MAILBOX}>\r\n\r\n`);
  const body = Buffer.concat([
    head,
    Buffer.alloc(Math.ceil((25 * 1024 * 1024) / line.length) * line.length, line),
  ]);
  const report = await send(bench.submission(), { body });
  expect(summary(report)).toEqual({ 'office@contoso.com': 'delivered' });
  expect(bench.sandbox.received()[0]).toMatchObject({ bodyBytes: body.length, sha256: sha256(body) });
});

test('says both sizes when a message is larger than the route takes', async () => {
  const report = await send(bench.submission({ limits: { messageBytesMax: 1024 } }), { bodyBytes: 2048 });
  expect(report.results[0]?.outcome).toMatchObject({
    kind: 'rejected',
    why: { code: 'message.too-large', cause: expect.stringMatching(/2048 bytes.*1024/) },
  });
  expect(bench.sandbox.sessions()).toEqual([]);
});

test('gives up a message that is too large for the mailbox', async () => {
  bench.mailbox.sendBytesMax = 10;
  expect(summary(await send(bench.submission()))).toEqual({
    'office@contoso.com': 'rejected reply.too-large',
  });
});

test('a limit on outside recipients pauses the route for all of them, and those of the own tenant go at once', async () => {
  bench.sandbox.tenant.raise('550-5.7.233', { match: { recipient: 'anna@fabrikam.com' } });
  const mixed = await send(bench.submission(), { recipients: ['anna@fabrikam.com', 'office@contoso.com'] });
  const why = { code: 'reply.external-limit' };
  expect(mixed).toMatchObject({
    fault: null,
    outsideFault: { why, retryAfterMs: 3_600_000, needsPerson: false, reply: { enhanced: '5.7.233' } },
  });
  for (const address of ['anna@fabrikam.com', 'office@contoso.com'])
    expect(outcomeFor(mixed, address)).toMatchObject({ kind: 'retry', split: true, retryAfterMs: null, why });
  bench.sandbox.tenant.raise('550-5.7.233', { match: { recipient: 'office@contoso.com' } });
  const own = await send(bench.submission(), { recipients: ['office@contoso.com'] });
  expect(own).not.toHaveProperty('outsideFault');
  expect(outcomeFor(own, 'office@contoso.com')).toMatchObject({
    kind: 'retry',
    retryAfterMs: 3_600_000,
    why,
  });
  expect(outcomeFor(own, 'office@contoso.com')).not.toHaveProperty('split');
});

test('never sends an address that would break out of its command', async () => {
  const recipients = ['office@contoso.com', 'a@b.com>\r\nRCPT TO:<c@d.com'];
  const report = await send(bench.submission(), { recipients });
  expect(outcomeFor(report, recipients[1] ?? '')).toMatchObject({ why: { code: 'message.address-invalid' } });
  expect(bench.sandbox.received()[0]?.recipients).toEqual(['office@contoso.com']);
});

test('pauses the route, not the message, when the mailbox is full', async () => {
  bench.mailbox.full = true;
  const report = await send(bench.submission());
  expect(report).toMatchObject({
    results: [],
    fault: { needsPerson: true, why: { code: 'reply.mailbox-full' } },
  });
});
