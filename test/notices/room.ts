/** The notices over a real spool, with a clock the test moves and routes as the test says. */
import { createNotices } from '../../src/notices/notices.ts';
import { noticeSettings } from '../../src/notices/settings.ts';
import type { NoticeConfig, Notices, RoutePause } from '../../src/notices/types.ts';
import type { NewMessage, Settlement } from '../../src/spool/types.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog, type QuietLog } from '../support/quiet-log.ts';
import { acceptTestMessage, openTestSpool, readTestBody, type TestSpool } from '../support/spool.ts';

export const IT = 'it@contoso.com';
const GATHER_MS = 2000;
const NEWEST = { limit: 1000, before: null };

export interface Room {
  test: TestSpool;
  clock: FakeClock;
  log: QuietLog;
  config: NoticeConfig;
  pauses: RoutePause[];
  /** Addresses that no open route reaches now. */
  unreachable: Set<string>;
  /** A new agent's notices over the same spool; earlier ones are left as a crash leaves them. */
  open(): Promise<Notices>;
  /** Lets time pass until everything there is has been looked at, and stops them. */
  look(notices: Notices, ms?: number): Promise<void>;
  /** Opens, looks, stops. */
  lookOnce(ms?: number): Promise<void>;
  /** The notices written, oldest first. */
  written(): Promise<{ id: string; sender: string; recipients: string[]; text: string }[]>;
  accept(overrides?: Partial<NewMessage>): Promise<NewMessage>;
  /** Accepts a message and lets every recipient fail. */
  fail(
    overrides?: Partial<NewMessage>,
    settled?: Partial<{ state: 'failed' | 'held'; code: string }>,
  ): Promise<NewMessage>;
  close(): Promise<void>;
}

export async function openRoom(settings: Record<string, unknown> | null = {}): Promise<Room> {
  const clock = createFakeClock();
  const test = await openTestSpool({ clock });
  const log = createQuietLog();
  const room: Pick<Room, 'config' | 'pauses' | 'unreachable'> = {
    config: {
      settings: settings === null ? null : noticeSettings().parse({ to: [IT], ...settings }),
      siteName: 'Berlin HQ',
      hostname: 'scanferry.contoso.com',
      defaultFrom: 'scanner@contoso.com',
      ownDomains: ['contoso.com'],
      devices: new Map([['copier-2f', { name: 'Copier, 2nd floor', toSender: null }]]),
      maxAgeHours: 96,
      failedKeepDays: 14,
    },
    pauses: [],
    unreachable: new Set(),
  };

  const open = async (): Promise<Notices> => {
    const notices = createNotices({
      ...{ clock, log, spool: test.spool, config: room.config },
      adviceFor: (code) => (code === 'reply.recipient-unknown' ? 'Correct the address.' : null),
      pauses: () => room.pauses,
      canGoNow: (address) => !room.unreachable.has(address),
    });
    await notices.start();
    return notices;
  };

  async function look(notices: Notices, ms = GATHER_MS): Promise<void> {
    await clock.advance(ms);
    // Waits for the look that time has begun.
    await notices.stop();
  }

  async function accept(overrides: Partial<NewMessage> = {}): Promise<NewMessage> {
    const message = await acceptTestMessage(test, overrides);
    await clock.advance(1);
    return message;
  }

  return Object.assign(room, {
    ...{ test, clock, log, open, look, accept },
    lookOnce: async (ms?: number) => look(await open(), ms),
    async written() {
      const events = await test.spool.events(0, NEWEST.limit);
      const order = events.flatMap(({ type, data }) => (type === 'message.accepted' ? [data.message] : []));
      const found = (await test.spool.list({}, NEWEST))
        .filter(({ head }) => head.origin === 'notice')
        .sort((one, other) => order.indexOf(one.head.id) - order.indexOf(other.head.id));
      const read = found.map(async ({ head, recipients }) => ({
        id: head.id,
        sender: head.sender,
        recipients: recipients.map(({ address }) => address),
        text: (await readTestBody(test.spool, head.id)).toString(),
      }));
      return Promise.all(read);
    },
    async fail(overrides: Partial<NewMessage> = {}, settled = {}) {
      const message = await accept(overrides);
      await test.spool.settle(await settlementOf(test, message.id, settled));
      return message;
    },
    close: () => test.close(),
  });
}

async function settlementOf(
  { spool, clock }: TestSpool,
  id: string,
  settled: Partial<{ state: 'failed' | 'held'; code: string }>,
): Promise<Settlement> {
  await spool.claimDue(clock.now(), { kind: 'all' }, 1000);
  const detail = await spool.show(id);
  const at = clock.now();
  return {
    messageId: id,
    attempt: {
      ...{ routeId: 'mailbox', startedAt: at, endedAt: at },
      upstream: { host: 'smtp.office365.com', address: null, port: 587, tls: null },
    },
    recipients: (detail?.recipients ?? []).map(({ id: recipientId }) => ({
      recipientId,
      state: settled.state ?? 'failed',
      code: settled.code ?? 'reply.recipient-unknown',
      cause: 'There is no such recipient.',
      reply: '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found',
    })),
  };
}
