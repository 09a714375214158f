/** Spools of one test file, closed after each test whatever happened in it. */
import { afterEach } from 'vitest';
import type { Claim } from '../../src/spool/types.ts';
import { openTestSpool, type TestSpool, type TestSpoolOptions } from '../support/spool.ts';

/** Registers the clean-up and returns the way to open spools. */
export function spoolsOfThisFile(): (options?: TestSpoolOptions) => Promise<TestSpool> {
  let opened: TestSpool[] = [];
  afterEach(async () => {
    for (const spool of opened) await spool.close();
    opened = [];
  });
  return async (options) => {
    const spool = await openTestSpool(options);
    opened.push(spool);
    return spool;
  };
}

export const ALL = { kind: 'all' } as const;

/** Claims the one message that is due. */
export async function claimOne({ spool, clock }: Pick<TestSpool, 'spool' | 'clock'>): Promise<Claim> {
  const [claim, ...others] = await spool.claimDue(clock.now(), ALL, 10);
  if (claim === undefined || others.length > 0) throw new Error('expected one due message');
  return claim;
}

/** An attempt over the route `mailbox` with plausible values. */
export function testAttempt(at: number) {
  return {
    routeId: 'mailbox',
    startedAt: at,
    endedAt: at + 1,
    upstream: {
      host: 'smtp.office365.com',
      address: '203.0.113.7',
      port: 587,
      tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    },
  };
}

/** Settles every recipient of a claim as delivered. */
export async function deliver(
  { spool, clock }: Pick<TestSpool, 'spool' | 'clock'>,
  claim: Claim,
): Promise<void> {
  await spool.settle({
    messageId: claim.head.id,
    attempt: testAttempt(clock.now()),
    recipients: claim.recipients.map(({ id }) => ({
      recipientId: id,
      state: 'delivered',
      reply: '250 2.0.0 OK',
    })),
  });
}
