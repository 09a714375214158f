/** Through the whole agent: a scan that nobody takes for 96 hours is told of, kept, and delivered when it is released. */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import type { MessageDetail } from '../../src/spool/types.ts';
import { startTestAgent } from '../support/agent.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { siteYaml, startTenant } from '../support/site.ts';

const HOUR_MS = 3600 * 1000;
const IT = 'it@contoso.com';
const OFFICE = 'office@contoso.com';
const SCAN = 'From: copier@contoso.com\r\nSubject: 96 hours\r\n\r\none page\r\n';
/** More tries in 96 hours would mean that the waits don't grow. */
const TRIES_MAX = 100;

test('at 96 hours a person is told why, and the scan is kept and delivered on release', async () => {
  const clock = createFakeClock(Date.now());
  const { sandbox, addresses } = await startTenant();
  const agent = await startTestAgent({
    yaml: siteYaml(addresses, {
      // Such a listener waits for no clock.
      listeners: ['{ address: 127.0.0.1, port: 0, tls: starttls }'],
      more: [`notices: { to: [${IT}] }`],
    }),
    files: { 'ca.pem': addresses.caPem },
    clock,
  });
  const { spool, dispatch } = agent.agent.rooms;
  const reply = '450 4.9.9 A passing trouble that no table knows';
  const trouble = sandbox.tenant.replyTo({
    ...{ stage: 'rcpt', host: 'mx', reply, match: { recipient: OFFICE } },
  });

  async function accept(): Promise<string> {
    const sent = await sendScan({
      connect: { host: '127.0.0.1', port: agent.port() },
      ...{ tls: 'none', hello: { verb: 'EHLO', name: 'copier' }, from: 'copier@contoso.com', to: [OFFICE] },
      message: Buffer.from(SCAN),
    });
    return / as ([0-9a-z]+)\s*$/.exec(sent.replyText)?.[1] ?? '';
  }

  /** The message once it has been tried as often or is over. */
  const tried = (id: string, tries: number): Promise<MessageDetail> =>
    agent.when(async () => {
      const detail = await spool.show(id);
      const [recipient] = detail?.recipients ?? [];
      const isSo = recipient?.state === 'failed' || (recipient?.tries ?? 0) >= tries;
      return isSo ? detail : null;
    }, `${tries} tries`);

  try {
    const acceptedAt = clock.now();
    const id = await accept();
    let detail = await tried(id, 1);
    for (let tries = 2; detail.recipients[0]?.state === 'deferred' && tries <= TRIES_MAX; tries++) {
      await clock.advance((detail.recipients[0].nextAttemptAt ?? 0) - clock.now());
      dispatch.wake();
      detail = await tried(id, tries);
    }
    expect(detail).toMatchObject({
      hasBody: true,
      recipients: [{ address: OFFICE, state: 'failed', code: 'message.too-old' }],
    });
    expect(Math.round((clock.now() - acceptedAt) / HOUR_MS)).toBe(96);
    expect(trouble.hits()).toBe(detail.attempts.length);

    const failed = await noticeOf(`Scan not delivered`);
    expect(failed).toContain(reply);
    expect(failed).toContain(`scanferry queue retry ${id}`);

    trouble.remove();
    await spool.act('retry', { ids: [id] }, 'the test');
    await agent.settled(1, ['delivered'], { recipient: OFFICE });
    const scans = sandbox.received().filter(({ recipients }) => recipients.includes(OFFICE));
    expect(scans.map(({ body }) => body?.toString())).toEqual([expect.stringContaining('one page\r\n')]);
  } finally {
    await agent.stop();
    await sandbox.stop();
  }

  /** The notice whose subject says so; the one about a scan that waits for a day comes before. */
  async function noticeOf(subject: string): Promise<string> {
    for (;;) {
      await clock.advance(LIMITS.noticeGatherMs);
      dispatch.wake();
      const all = sandbox.received();
      const found = all
        .map(({ body }) => body?.toString() ?? '')
        .find((text) => text.includes(`] ${subject}`));
      if (found !== undefined) return found;
      await agent.settled(1, ['delivered'], { recipient: IT });
      if (sandbox.received().length === all.length) await sandbox.waitForMessages(all.length + 1);
    }
  }
});
