/** The reply table, row by row. */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { classify, REPLY_TABLE, renderReplyTable } from '../../src/routes/replies.ts';
import { isPositive, parseReply } from '../../src/routes/reply.ts';
import type { ReplyStage } from '../../src/routes/reply-row.ts';
import type { RouteKind } from '../../src/routes/types.ts';
import { REPLIES } from '../../src/sandbox/replies.ts';

type Example = readonly [text: string, stage: ReplyStage, id: string, kind?: RouteKind];

const AUTH_FAILED = '535 5.7.139 Authentication unsuccessful,';

const EXAMPLES: readonly Example[] = [
  ['451 5.7.3 STARTTLS is required to send mail [X.prod.outlook.com]', 'mail', 'starttls-required'],
  ['530 Must issue a STARTTLS command first', 'mail', 'starttls-required'],
  ['421 4.7.66 TLS 1.0 and 1.1 are not supported', 'ehlo', 'tls-too-old'],
  [
    `${AUTH_FAILED} SmtpClientAuthentication is disabled for the Tenant.`,
    'auth',
    'smtp-auth-disabled-tenant',
  ],
  [
    `${AUTH_FAILED} SmtpClientAuthentication is disabled for the Mailbox.`,
    'auth',
    'smtp-auth-disabled-mailbox',
  ],
  [
    `${AUTH_FAILED} user is locked by your organization's security defaults policy.`,
    'auth',
    'security-defaults',
  ],
  [`${AUTH_FAILED} basic authentication is disabled.`, 'auth', 'basic-auth-disabled'],
  [`${AUTH_FAILED} the request did not meet the criteria to be authenticated`, 'auth', 'sign-in-criteria'],
  [`${AUTH_FAILED} federated STS is not reachable`, 'auth', 'federated-sign-in'],
  [`${AUTH_FAILED} something new`, 'auth', 'sign-in-policy'],
  ['550 5.7.30 Basic authentication is not supported for Client Submission.', 'auth', 'basic-auth-removed'],
  ['501 5.5.124 invalid XOAUTH2 data', 'auth', 'xoauth2-malformed'],
  ['501 5.5.127 Token will expire soon', 'auth', 'token-expiring'],
  ['535 5.7.3 Authentication unsuccessful', 'auth', 'sign-in-refused'],
  ['535 no', 'auth', 'sign-in-refused'],
  ['530 5.7.57 SMTP; Client was not authenticated to send anonymous mail', 'mail', 'not-authenticated'],
  ['550 5.7.57 Client not authenticated to send mail', 'mail', 'not-authenticated'],
  ['432 4.3.2 Concurrent connections limit exceeded', 'final', 'concurrent-connections'],
  ['432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'final', 'concurrent-connections'],
  ['421 4.4.2 Message submission rate for this client has exceeded the limit', 'mail', 'submission-rate'],
  ['451 4.7.651 The mail server has been temporarily rate limited', 'mail', 'address-reputation'],
  ['451 4.7.500 Server busy. Please try again later (S77719)', 'connect', 'server-busy'],
  ['451 4.7.699 Server busy', 'mail', 'server-busy'],
  ['451 4.4.3 Temporary server error. ATTR17', 'rcpt', 'tenant-lookup'],
  ['452 4.5.3 Recipients belong to multiple regions ATTR38', 'rcpt', 'recipients-in-regions'],
  ['452 4.5.3 Too many recipients', 'rcpt', 'too-many-recipients'],
  ['452 Too many recipients', 'rcpt', 'too-many-recipients'],
  ['421 4.4.1 Connection timed out. Total session duration: 00:20:00', 'mail', 'session-too-long'],
  ['554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException', 'final', 'submission-quota'],
  ['550 5.1.90 Your message can not be sent', 'rcpt', 'submission-quota'],
  ['554 5.2.2 mailbox reached its submission quota', 'final', 'submission-quota'],
  ['550 5.2.252 throttled', 'final', 'mailbox-throttled'],
  ['550 5.2.255 throttled', 'auth', 'mailbox-throttled'],
  ['554 5.2.255 invalid recipients', 'final', 'repeated-would-throttle'],
  ['554 5.2.2 mailbox full; STOREDRV.QuotaExceededException', 'final', 'mailbox-full'],
  ['550 5.2.251 throttled, mailbox full', 'final', 'mailbox-full'],
  ['550 5.7.232 Your message can not be sent', 'final', 'external-limit'],
  ['550 5.7.233 trial tenant', 'final', 'external-limit'],
  ['550 5.7.236 onmicrosoft.com', 'final', 'external-limit'],
  ['554 5.2.270 too large', 'final', 'too-large'],
  ['552 5.3.4 Message size exceeds fixed maximum message size', 'mail', 'too-large'],
  ['550 5.1.8 Access denied, bad outbound sender', 'final', 'sender-restricted'],
  ['550 5.7.705 Access denied, tenant has exceeded threshold', 'mail', 'sender-restricted'],
  ['550 5.7.708 Access denied, traffic not accepted from this IP', 'rcpt', 'sender-restricted'],
  ['550 5.7.750 Client blocked from sending from unregistered domains', 'mail', 'sender-restricted'],
  ['550 5.7.501 Access denied, spam abuse detected', 'mail', 'banned'],
  ['550 5.7.511 Access denied, banned sender', 'rcpt', 'banned'],
  ['550 5.7.606 Access denied, banned sending IP', 'rcpt', 'banned'],
  ['550 5.7.649 Access denied, banned sending IP', 'connect', 'banned'],
  ['451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35', 'rcpt', 'wrong-region'],
  ['450 4.7.1 Unable to relay ATTR14', 'rcpt', 'relay-refused-for-now'],
  ['550 5.7.60 SMTP; Client does not have permissions to send as this sender', 'mail', 'send-as-denied'],
  ['554 5.2.252 SendAsDenied; scanner@contoso.com not allowed to send as x', 'final', 'send-as-denied'],
  ['554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException', 'final', 'send-as-denied'],
  [
    '550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization',
    'rcpt',
    'direct-send-rejected',
  ],
  ['550 5.7.64 TenantAttribution; Relay Access Denied', 'rcpt', 'tenant-attribution'],
  ['554 Relay Access Denied', 'rcpt', 'tenant-attribution'],
  ['550 5.7.51 TenantInboundAttribution; RestrictDomainsToIPAddresses', 'mail', 'partner-connector'],
  [
    '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain',
    'rcpt',
    'recipient-outside-tenant',
    'direct-send',
  ],
  ['550 5.7.1 Unable to relay', 'rcpt', 'recipient-outside-tenant', 'direct-send'],
  ['550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', 'rcpt', 'relay-denied', 'connector'],
  ['550 5.4.1 Recipient address rejected: Access denied. AS(201806281)', 'rcpt', 'recipient-unknown'],
  ['550 5.1.1 User unknown', 'rcpt', 'recipient-unknown'],
  ['550 5.1.10 RESOLVER.ADR.RecipientNotFound', 'final', 'recipient-unknown'],
  ['550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant', 'final', 'sender-missing'],
  ['550 5.6.11 Invalid characters', 'final', 'invalid-characters'],
  ['550 5.7.506 Access Denied, Bad HELO', 'ehlo', 'hello-name'],
  ['550 5.7.25 Sending IPv6 address must have a reverse DNS record', 'connect', 'ipv6-unknown'],
  ['550 5.7.510 IPv6 not accepted', 'mail', 'ipv6-unknown'],
  ['450 4.7.26 Mail over IPv6 must pass SPF or DKIM', 'connect', 'ipv6-unknown'],
  ['550 5.7.509 Access denied, sending domain does not pass DMARC', 'final', 'dmarc'],
  ['550 5.5.105 external recipient', 'rcpt', 'high-volume-external'],
  ['554 5.5.4 no', 'auth', 'sign-in-refused-other'],
  ['554 no', 'connect', 'session-refused'],
  ['454 4.7.0 later', 'auth', 'session-refused'],
  ['421 4.3.2 Service not available', 'mail', 'closing'],
  ['550 5.7.999 no', 'rcpt', 'recipient-refused'],
  ['500 what', 'mail', 'refused'],
  ['554 5.9.9 no', 'final', 'refused'],
  ['450 4.9.9 later', 'rcpt', 'deferred'],
  ['250 2.0.0 out of turn', 'final', 'unreadable'],
  ['HTTP/1.1 400 Bad Request', 'connect', 'unreadable'],
  ['550-Denied by policy\n550 5.7.501 banned', 'mail', 'banned'],
  ['554-5.2.0 STOREDRV\n554 5.2.252 denied', 'final', 'send-as-denied'],
  ['550-5.7.1 refused\n550-5.7.606 banned, see\n550 5.7.1 the page', 'rcpt', 'banned'],
  [
    `535-5.7.139 Authentication unsuccessful, SmtpClientAuthentication\n535 5.7.139 is disabled for the Tenant.`,
    'auth',
    'smtp-auth-disabled-tenant',
  ],
  ['432-Concurrent connections \n432 limit exceeded', 'final', 'concurrent-connections'],
  ['451-4.7.500 busy\n451 please wait', 'mail', 'server-busy'],
  ['', 'final', 'unreadable'],
];

test.each(EXAMPLES.map((example) => ({ example, title: `${example[0]} at ${example[1]} is ${example[2]}` })))(
  '$title',
  ({ example: [text, stage, id, kind] }) => {
    expect(classify(parseReply(text), stage, kind ?? 'submission').why.code).toBe(`reply.${id}`);
  },
);

test('every row has an example, and every id is its own', () => {
  const ids = REPLY_TABLE.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(EXAMPLES.map(([, , id]) => id))).toEqual(new Set(ids));
});

test('every row has a sentence, an advice and a source', () => {
  for (const row of REPLY_TABLE) {
    expect(row.cause, row.id).toMatch(/^[A-Z].+\.$/);
    expect(row.advice, row.id).toMatch(/^[A-Z].+\.$/);
    expect(row.source, row.id).not.toBe('');
  }
});

/** Texts of the other side that were written without a look at this table. */
const STAGE_OF_STEP: Record<string, ReplyStage> = { 'ehlo-tls': 'ehlo', 'data-end': 'final' };
const GENERAL = new Set(['closing', 'recipient-refused', 'refused', 'deferred', 'unreadable']);

test.each(Object.entries(REPLIES).filter(([id]) => !id.endsWith('9.9')))(
  'the simulated reply %s has a row of its own',
  (_id, { host, stage, text }) => {
    const kind = host === 'mx' ? 'connector' : 'submission';
    const reply = parseReply(text);
    if (isPositive(reply)) return;
    const verdict = classify(reply, STAGE_OF_STEP[stage] ?? (stage as ReplyStage), kind);
    expect(GENERAL).not.toContain(verdict.why.code.replace('reply.', ''));
  },
);

test('an unknown refusal is final for a recipient or a message, never for the route', () => {
  expect(classify(parseReply('550 no'), 'rcpt', 'connector')).toMatchObject({
    action: 'fail',
    scope: 'recipient',
  });
  expect(classify(parseReply('550 no'), 'mail', 'connector')).toMatchObject({
    action: 'fail',
    scope: 'message',
  });
  expect(classify(parseReply('450 no'), 'mail', 'connector')).toMatchObject({ action: 'back-off' });
});

test('renders one markdown row for each row of the table', () => {
  const lines = renderReplyTable().split('\n');
  expect(lines).toHaveLength(REPLY_TABLE.length + 2);
  for (const line of lines) expect(line.match(/(?<!\\)\|/g), line).toHaveLength(8);
});

test.each([
  ['250 2.1.5 ok', 250, '2.1.5'],
  ['250-2.1.5 a\n250 2.1.5 b', 250, '2.1.5'],
  ['250', 250, null],
  ['550-no code here\n550 5.1.1 but here', 550, '5.1.1'],
  ['550-5.7.1 first\n550 5.4.1 second', 550, '5.7.1'],
  ['354 go', 354, null],
  ['550 5.7.139, text', 550, '5.7.139'],
  ['550 5.7.1.2 no enhanced code', 550, null],
  ['25 no', 0, null],
  ['2500 no', 0, null],
  ['950 no', 0, null],
])('parses %j', (text, code, enhanced) => {
  expect(parseReply(text)).toEqual({ code, enhanced, text });
});

test('keeps a reply word for word, cut at its limit and without control characters', () => {
  const { code, text } = parseReply(`550-5.1.1 ${'x'.repeat(5000)}\n550 end`);
  expect([code, text.length]).toEqual([550, LIMITS.replyTextMax]);
  expect(parseReply('550 a\u001b[2Jb\u0000c').text).toBe('550 a?[2Jb?c');
});
