/** Who is told of what, and how often: the notices over a real spool, with the clock in the test's hand. */
import { afterEach, describe, expect, test } from 'vitest';
import type { NoticeConfig } from '../../src/notices/types.ts';
import { SpoolRefusal } from '../../src/spool/types.ts';
import { IT, openRoom, type Room } from './room.ts';

const HOUR_MS = 3_600_000;
const NOBODY = { greeting: null, login: null, profile: null, listener: 'x', tls: null };
const UNKNOWN = { id: null, address: '192.168.50.9', ...NOBODY };
let room: Room;
afterEach(() => room.close());

const PAUSE = {
  ...{ route: 'mailbox', code: 'reply.password', cause: 'The password is wrong.', advice: 'Set it anew.' },
  ...{ since: 1, needsPerson: true },
};
const pausedEvent = {
  route: 'mailbox',
  code: PAUSE.code,
  cause: PAUSE.cause,
  advice: PAUSE.advice,
  until: 2,
};

const subjectsOf = (notices: { text: string }[]) =>
  notices.map(({ text }) =>
    /^Subject: \[Berlin HQ\] (.*(?:\r\n .*)*)/m.exec(text)?.[1]?.replace(/\r\n/g, ''),
  );

describe('a failed message', () => {
  test('is told once, however often the box restarts', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.fail();
    for (let start = 0; start < 3; start++) await room.lookOnce();
    expect(await room.written()).toMatchObject([{ sender: '', recipients: [IT] }]);
  });

  test('with several recipients is told in one notice', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.fail({ recipients: ['ann@contoso.com', 'ben@contoso.com', 'cem@contoso.com'] });
    await room.lookOnce();
    const [notice, ...others] = await room.written();
    expect(others).toEqual([]);
    expect(subjectsOf([notice ?? { text: '' }])).toEqual([
      'Scan not delivered: Copier, 2nd floor (copier-2f) to ann@contoso.com, ben@contoso.com and 1 more',
    ]);
    expect(notice?.text.match(/^Final-Recipient: rfc822; /gm)).toHaveLength(3);
  });

  test('from before anybody asked to be told is not told', async () => {
    room = await openRoom();
    await room.fail();
    await room.lookOnce();
    expect(await room.written()).toEqual([]);
  });

  test('that somebody has dealt with meanwhile is not told', async () => {
    room = await openRoom();
    await room.lookOnce();
    const { id } = await room.fail();
    await room.test.spool.act('cancel', { ids: [id] }, 'kim');
    await room.lookOnce();
    expect(await room.written()).toEqual([]);
  });

  test('is told although its body can no longer be read', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.fail();
    const { spool } = room.test;
    const openBody = spool.openBody;
    spool.openBody = () => Promise.reject(new Error('bad sector'));
    await room.lookOnce();
    spool.openBody = openBody;
    const [notice] = await room.written();
    expect(notice?.text).toContain('Final-Recipient: rfc822; ann@contoso.com');
    expect(notice?.text).not.toContain('text/rfc822-headers');
  });

  test('is told later when the spool refuses the notice for a while', async () => {
    room = await openRoom();
    const notices = await room.open();
    await room.clock.advance(1);
    await room.fail();
    const { spool } = room.test;
    const receive = spool.receive;
    const refused = Promise.withResolvers<void>();
    spool.receive = () => {
      refused.resolve();
      return Promise.reject(new SpoolRefusal('disk-full', 'full'));
    };
    await room.clock.advance(2000);
    await refused.promise;
    spool.receive = receive;
    await expect.poll(() => room.log.lines.some(({ event }) => event === 'notice.write-failed')).toBe(true);
    await room.look(notices, 60_000);
    expect(await room.written()).toHaveLength(1);
  });
});

describe('a crash', () => {
  test('before the commit of a notice loses nothing, and one after it doubles nothing', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.fail();
    const { spool } = room.test;
    const receive = spool.receive;
    // The notice was composed and its bytes written; the process dies before the commit.
    const died = Promise.withResolvers<void>();
    spool.receive = async () => {
      const receipt = await receive();
      return {
        ...receipt,
        commit: () => {
          died.resolve();
          return new Promise(() => {});
        },
      };
    };
    await room.open();
    await room.clock.advance(2000);
    await died.promise;
    spool.receive = receive;
    await room.lookOnce();
    expect(await room.written()).toHaveLength(1);
    // The cursor came with the commit: whoever starts next, without a clean stop before, finds nothing to tell.
    await room.open();
    await room.lookOnce();
    expect(await room.written()).toHaveLength(1);
  });

  test('between the notice to the sender and the one to the others tells each once', async () => {
    room = await openRoom({ toSender: true });
    await room.lookOnce();
    await room.fail({ sender: 'kim@contoso.com' });
    const { spool } = room.test;
    const receive = spool.receive;
    const died = Promise.withResolvers<void>();
    let calls = 0;
    spool.receive = (options) => {
      if (++calls === 1) return receive(options);
      died.resolve();
      return new Promise(() => {});
    };
    await room.open();
    await room.clock.advance(2000);
    await died.promise;
    spool.receive = receive;
    await room.lookOnce();
    expect((await room.written()).map(({ recipients }) => recipients)).toEqual([['kim@contoso.com'], [IT]]);
  });
});

describe('the hourly cap', () => {
  test('puts what goes beyond into one digest, and the rest of the hour into another', async () => {
    room = await openRoom({ hourlyMax: 3 });
    await room.lookOnce();
    for (let count = 0; count < 6; count++) await room.fail({ recipients: [`r${count}@contoso.com`] });
    await room.lookOnce();
    const first = await room.written();
    expect(subjectsOf(first)).toEqual([
      expect.stringContaining('r0@'),
      expect.stringContaining('r1@'),
      '4 more scans or events need attention',
    ]);
    for (const name of ['r2', 'r3', 'r4', 'r5']) expect(first[2]?.text).toContain(`to ${name}@contoso.com`);

    for (let count = 6; count < 9; count++) await room.fail({ recipients: [`r${count}@contoso.com`] });
    const notices = await room.open();
    await room.clock.advance(HOUR_MS / 2);
    expect(await room.written()).toHaveLength(3);
    await room.look(notices, HOUR_MS / 2);
    const later = (await room.written()).slice(3);
    expect(subjectsOf(later)).toEqual([
      expect.stringContaining('r6@'),
      expect.stringContaining('r7@'),
      expect.stringContaining('r8@'),
    ]);
  });

  test('counts what a digest has no room for', async () => {
    room = await openRoom({ hourlyMax: 1 });
    await room.lookOnce();
    for (let count = 0; count < 104; count++) await room.fail();
    await room.lookOnce();
    const written = await room.written();
    expect(subjectsOf(written)).toEqual(['104 more scans or events need attention']);
    expect(written[0]?.text).toMatch(/^and 3 more\.\r$/m);
    await room.lookOnce(2 * HOUR_MS);
    expect(await room.written()).toHaveLength(1);
  });

  test('is not spent by a clock that was ahead', async () => {
    room = await openRoom({ hourlyMax: 1 });
    const now = room.clock.now();
    room.clock.setWallClock(now + 100 * HOUR_MS);
    await room.lookOnce();
    await room.fail();
    await room.lookOnce();
    room.clock.setWallClock(now);
    await room.fail();
    await room.lookOnce();
    expect(await room.written()).toHaveLength(2);
  });
});

describe('nobody is told', () => {
  test('of a notice that failed: it is an event and a problem', async () => {
    room = await openRoom();
    await room.lookOnce();
    const { id } = await room.fail({ origin: 'notice', sender: '', recipients: [IT] });
    await room.lookOnce();
    const notices = await room.open();
    await room.look(notices);
    expect(await room.written()).toMatchObject([{ id }]);
    const events = (await room.test.spool.events(0, 100)).filter(({ type }) => type === 'notice.failed');
    expect(events).toMatchObject([{ data: { message: id, recipient: IT, code: 'notice.not-delivered' } }]);
    expect(await notices.trouble()).toMatchObject({
      code: 'notice.not-delivered',
      cause: `A notice to ${IT} could not be delivered: There is no such recipient.`,
    });
    await room.test.spool.act('cancel', { ids: [id] }, 'kim');
    expect(await notices.trouble()).toBeNull();
  });

  test('of what an operator holds, nor of a part that waits for the others', async () => {
    room = await openRoom();
    await room.lookOnce();
    const { id } = await room.accept();
    await room.test.spool.act('hold', { ids: [id] }, 'kim');
    await room.accept({ held: { code: 'join.waiting', cause: 'A part.' } });
    await room.lookOnce();
    expect(await room.written()).toEqual([]);
  });

  test('while no address is configured, nor afterwards of what came in that time', async () => {
    room = await openRoom(null);
    await room.lookOnce();
    await room.fail();
    await room.lookOnce();
    const notices = await room.open();
    const settings = { to: [IT], hourlyMax: 10, toSender: false };
    await notices.replace({ ...room.config, settings } satisfies NoticeConfig);
    await room.fail();
    await room.look(notices);
    expect(await room.written()).toHaveLength(1);
  });
});

describe('a scan that is held', () => {
  test('because of a reply is told, with the command that lets it go', async () => {
    room = await openRoom();
    await room.lookOnce();
    const { id } = await room.fail({}, { state: 'held', code: 'reply.send-as-denied' });
    await room.lookOnce();
    const [notice] = await room.written();
    expect(notice?.text).toContain(`scanferry queue release ${id}`);
    expect(notice?.text).not.toContain('queue retry');
  });

  test('because the device fell silent is told', async () => {
    room = await openRoom();
    await room.lookOnce();
    const { id } = await room.accept({
      held: { code: 'intake.unfinished', cause: 'A part may be missing.' },
    });
    await room.lookOnce();
    const [notice] = await room.written();
    expect(notice?.text).toContain(`scanferry queue release ${id}`);
    expect(notice?.text).toContain('Status: 5.6.0');
  });

  test('because nobody knows the device is told once a day for each device', async () => {
    room = await openRoom();
    await room.lookOnce();
    const held = { code: 'intake.device-held', cause: 'Unknown.' };
    const from = (address: string) => ({
      held,
      device: { id: null, address, ...NOBODY },
    });
    for (const address of ['192.168.50.7', '192.168.50.7', '192.168.50.8', '192.168.50.7']) {
      await room.accept(from(address));
      await room.lookOnce();
    }
    expect(subjectsOf(await room.written())).toEqual([
      'Unknown device 192.168.50.7 sends scans',
      'Unknown device 192.168.50.8 sends scans',
    ]);
    await room.clock.advance(25 * HOUR_MS);
    await room.accept(from('192.168.50.7'));
    await room.lookOnce();
    expect(await room.written()).toHaveLength(3);
  });
});

describe('the sender of a scan', () => {
  const sender = 'kim@contoso.com';
  const toldSenders = async () => (await room.written()).map(({ recipients }) => recipients.join());

  test('is told where the config says so, without commands of the box', async () => {
    room = await openRoom({ toSender: true });
    await room.lookOnce();
    await room.fail({ sender });
    await room.lookOnce();
    expect(await toldSenders()).toEqual([sender, IT]);
    const [notice] = await room.written();
    expect(subjectsOf([notice ?? { text: '' }])).toEqual(['Your scan was not delivered to ann@contoso.com']);
    expect(notice?.text).not.toContain('scanferry queue');
    expect(notice?.text).toContain('Final-Recipient: rfc822; ann@contoso.com');
  });

  test.each([
    ['the device says otherwise', { sender }, false],
    ['it has none', { sender: '' }, null],
    ['it is of another organisation', { sender: 'kim@fabrikam.com' }, null],
    ['a machine wrote it by itself', { sender, origin: 'automatic' as const }, null],
    ['it is told anyway', { sender: IT.toUpperCase() }, null],
    ['nobody knows the device', { sender, device: UNKNOWN }, null],
  ])('is not told when %s', async (_name, message, deviceSays) => {
    room = await openRoom({ toSender: true });
    room.config = {
      ...room.config,
      devices: new Map([['copier-2f', { name: null, toSender: deviceSays }]]),
    };
    await room.lookOnce();
    await room.fail(message);
    await room.lookOnce();
    expect(await toldSenders()).toEqual([IT]);
  });

  test('is told for one device alone when only that says so', async () => {
    room = await openRoom();
    room.config = { ...room.config, devices: new Map([['copier-2f', { name: null, toSender: true }]]) };
    await room.lookOnce();
    await room.fail({ sender });
    await room.lookOnce();
    expect(await toldSenders()).toEqual([sender, IT]);
  });
});

describe('a route that needs a person', () => {
  const pause = () =>
    room.test.spool.record({ type: 'route.paused', data: { ...pausedEvent, needsPerson: true } });

  test('is told once per pause, by another route', async () => {
    room = await openRoom();
    room.pauses = [PAUSE];
    await room.lookOnce();
    await pause();
    await room.lookOnce();
    await pause();
    await room.lookOnce();
    expect(subjectsOf(await room.written())).toEqual([
      'Route mailbox needs attention: The password is wrong.',
    ]);
    room.pauses = [{ ...PAUSE, since: 5000 }];
    await pause();
    await room.lookOnce();
    expect(await room.written()).toHaveLength(2);
  });

  test.each([
    ['no other route can carry the notice', () => void room.unreachable.add(IT)],
    ['it is open again', () => void room.pauses.splice(0)],
  ])('is not told when %s', async (_name, change) => {
    room = await openRoom();
    room.pauses = [PAUSE];
    await room.lookOnce();
    await pause();
    change();
    await room.lookOnce();
    expect(await room.written()).toEqual([]);
  });

  test('is not told when an operator paused it, or when waiting heals it', async () => {
    room = await openRoom();
    room.pauses = [PAUSE];
    await room.lookOnce();
    const { spool } = room.test;
    const byHand = { ...pausedEvent, code: 'route.paused-by-operator', needsPerson: true };
    await spool.record({ type: 'route.paused', data: byHand });
    await spool.record({ type: 'route.paused', data: { ...pausedEvent, needsPerson: false } });
    await room.lookOnce();
    expect(await room.written()).toEqual([]);
  });
});

describe('a message that waits for a day', () => {
  test('is told once, with the time at which it fails', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.accept();
    await room.accept();
    await room.lookOnce(23 * HOUR_MS);
    expect(await room.written()).toEqual([]);
    await room.lookOnce(2 * HOUR_MS);
    const [notice] = await room.written();
    expect(notice?.text).toContain('Action: delayed');
    expect(notice?.text).toMatch(/^Will-Retry-Until: \w{3}, \d\d? \w{3} 2026 /m);
    expect(notice?.text).toContain('2 recipients are waiting in all.');
    await room.lookOnce(5 * HOUR_MS);
    expect(await room.written()).toHaveLength(1);
  });

  test('is told as soon as a route can carry the notice', async () => {
    room = await openRoom();
    await room.lookOnce();
    await room.accept();
    room.unreachable.add(IT);
    await room.lookOnce(30 * HOUR_MS);
    expect(await room.written()).toEqual([]);
    room.unreachable.clear();
    await room.lookOnce(HOUR_MS);
    expect(await room.written()).toHaveLength(1);
  });
});

test('a spool that was mended after damage is told, with what was lost', async () => {
  room = await openRoom();
  await room.lookOnce();
  const data = { damagedFile: '/var/lib/scanferry/spool.db.damaged', messages: 7, lost: 2 };
  await room.test.spool.record({ type: 'spool.salvaged', data });
  await room.lookOnce();
  expect(subjectsOf(await room.written())).toEqual(['Spool damaged: 2 scans lost']);
});
