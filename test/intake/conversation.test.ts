/** Signing in without TLS from outside: an address that loopback tests can't have. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConversation } from '../../src/intake/conversation.ts';
import { createWindowCounter } from '../../src/intake/counters.ts';
import { createObserver } from '../../src/intake/observation.ts';
import { createPolicy } from '../../src/intake/policy.ts';
import { createRefusals } from '../../src/intake/refusals.ts';
import { intakeSettings } from '../../src/intake/settings.ts';
import { createSignIn } from '../../src/intake/sign-in.ts';
import { treatmentOf } from '../../src/intake/treatment.ts';
import { createUnfinished } from '../../src/intake/unfinished.ts';
import type { Catalogue } from '../../src/profiles/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';
import { device } from './support/box.ts';
import { watchSpool } from './support/watched-spool.ts';

let testSpool: TestSpool;
beforeEach(async () => {
  testSpool = await openTestSpool();
});
afterEach(() => testSpool.close());

const UNKNOWN = { profile: null, origin: null, firmware: null, measured: null };

function outside(profiles: Catalogue = new Map()) {
  const clock = createFakeClock();
  const log = createQuietLog();
  const { spool, events } = watchSpool(testSpool);
  const devices = [device({ id: 'c', login: { user: 'c', password: 'x' } })];
  const conversation = createConversation(
    {
      ...{ clock, log, spool, hostname: 'scanferry.local' },
      policy: createPolicy(intakeSettings().parse({}), devices),
      signIn: createSignIn({ clock, devices }),
      refusals: createRefusals({ clock, log, spool }),
      messages: createWindowCounter(clock, 1000),
      unfinished: createUnfinished({ clock, log, spool }),
      onPart: () => {},
      treatmentOf: (_address, { profile }) =>
        treatmentOf({ ...UNKNOWN, profile: profiles.get(profile ?? '') ?? null, origin: 'given' }),
    },
    {
      ...{ address: '198.51.100.7', listener: 'x:25', device: null, offersStartTls: true },
      treatment: treatmentOf(UNKNOWN),
      recorder: null,
      observer: createObserver(clock, '198.51.100.7'),
    },
  );
  return { conversation, clock, events, log };
}

test('a stranger is offered sign-in only after STARTTLS, and told so', () => {
  const { conversation } = outside();
  conversation.onCommand('EHLO stranger\r\n');
  expect(conversation.onReply('EHLO', '250 scanferry.local\r\n')).not.toContain('AUTH');
  expect(conversation.onCommand('AUTH PLAIN AGMAeA==\r\n')).toEqual({
    kind: 'answer',
    reply: '538 5.7.11 Signing in without TLS is not allowed from your network, turn on TLS (SSL) first.\r\n',
  });
  expect(conversation.sender('a@contoso.com', { declaredBytes: 0, smtpUtf8: false })).toBe(
    'intake.tls-required',
  );
  conversation.secured({ protocol: 'TLSv1.2', cipher: 'X' });
  expect(conversation.onReply('EHLO', '250 scanferry.local\r\n')).toContain('AUTH PLAIN LOGIN CRAM-MD5');
  expect(conversation.onCommand('AUTH PLAIN AGMAeA==\r\n').kind).toBe('pass');
});

test('signing in is forgotten when TLS starts', () => {
  const { conversation } = outside();
  conversation.secured({ protocol: 'TLSv1.2', cipher: 'X' });
  conversation.signIn({ user: 'c', proof: { kind: 'password', password: 'x' } });
  expect(conversation.sender('a@contoso.com', { declaredBytes: 0, smtpUtf8: false })).toBeNull();
  conversation.secured({ protocol: 'TLSv1.3', cipher: 'X' });
  expect(conversation.sender('a@contoso.com', { declaredBytes: 0, smtpUtf8: false })).toBe(
    'intake.sign-in-required',
  );
});

test('the same refusal is recorded at most once a minute for an address', async () => {
  const { conversation, clock, events, log } = outside();
  const attempt = (smtpUtf8: boolean) => {
    conversation.sender('a@contoso.com', { declaredBytes: 0, smtpUtf8 });
  };
  for (let i = 0; i < 5; i++) attempt(false);
  expect(await events()).toHaveLength(1);
  expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  attempt(true);
  expect(await events()).toHaveLength(2);
  await clock.advance(60_000);
  attempt(false);
  expect(await events()).toHaveLength(3);
});
