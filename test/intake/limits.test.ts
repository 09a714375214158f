/** Limits and endings: connections, messages per hour, deadlines on the wire, and stopping in peace. */
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { OperatorError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type Box, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectImplicit, connectPlain } from './support/client.ts';
import { until } from './support/until.ts';

let box: Box;
afterEach(() => box.stop());

const OK = /^250 2\.6\.0 Message accepted/;
const clock = () => box.clock as FakeClock;

async function greeted(from = '127.0.0.1'): Promise<Client> {
  const client = await connectPlain(box.port(), { from });
  await client.reply();
  await client.say('EHLO copier');
  return client;
}

/** A device that reads nothing and never closes. */
function stubborn(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sockets of this process that are open, at either end. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

async function inData(client: Client): Promise<void> {
  for (const line of ENVELOPE) await client.say(line);
  await client.say('DATA');
}

describe('connections', () => {
  test('of one device are limited, and free again when they close', async () => {
    box = await startBox({ settings: { connectionsPerDevice: 2 } });
    const first = await greeted();
    await greeted();
    const third = await connectPlain(box.port());
    expect(await third.reply()).toBe(
      '421 4.7.0 This device has too many connections open, please try again in a minute.',
    );
    expect(await (await connectPlain(box.port(), { from: '127.0.0.2' })).reply()).toMatch(/^220 /);
    await first.say('QUIT');
    await first.closed;
    first.destroy();
    await until(() => box.log.lines.length > 0, 'the box has noticed');
    let reply = '';
    for (let i = 0; i < 100 && !reply.startsWith('220'); i++)
      reply = await (await connectPlain(box.port())).reply();
    expect(reply).toMatch(/^220 /);
  });

  test('turned away in great number leave few sockets open, and none in the end', async () => {
    box = await startBox({ clock: createFakeClock() });
    const [served, came] = [20, 200];
    const sockets = await Promise.all(Array.from({ length: came }, () => stubborn(box.port())));
    const ofBox = () => openSockets() - came;
    try {
      const refusedCount = () => box.log.lines.filter(({ event }) => event === 'session.refused').length;
      await until(() => refusedCount() === came - served, 'all have been answered');
      await until(() => ofBox() <= served + LIMITS.turnedAwayMax, 'the box has cut most of them');
      expect(ofBox()).toBe(served + LIMITS.turnedAwayMax);
      await clock().advance(LIMITS.closeLingerMs);
      await until(() => ofBox() === served, 'only those that are served are left');
      // Whoever comes now is told again.
      expect(await (await connectPlain(box.port())).reply()).toMatch(/^421 4\.7\.0 /);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  test('over TLS are counted down when they close', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }, { tls: 'starttls' }], clock: createFakeClock() });
    const implicit = await connectImplicit(box.port());
    await implicit.reply();
    await implicit.say('QUIT');
    implicit.destroy();
    const plain = await connectPlain(box.port(1));
    await plain.reply();
    await plain.say('EHLO copier');
    (await plain.startTls()).destroy();
    // One leaves before the handshake has begun.
    (await connectPlain(box.port())).destroy();
    await until(() => clock().pendingTimers() === 0, 'every session is over');
  });

  test('never keep more than the library and the clock know of', async () => {
    box = await startBox({ clock: createFakeClock() });
    for (let i = 0; i < 3; i++) {
      const client = await greeted();
      await client.say('QUIT');
      await client.closed;
      client.destroy();
    }
    await until(() => clock().pendingTimers() === 0, 'every timer is gone');
  });
});

describe('messages per hour', () => {
  test('are limited per device and counted when accepted', async () => {
    box = await startBox({ settings: { messagesPerHour: 2 }, clock: createFakeClock() });
    const client = await greeted();
    for (let i = 0; i < 2; i++) {
      for (const line of ENVELOPE) await client.say(line);
      expect(await client.data('a: b\r\n\r\nc')).toMatch(OK);
    }
    expect(await client.say(ENVELOPE[0])).toBe(
      '450 4.7.1 This device has sent too many messages in the last hour, please try again later.',
    );
    expect(await (await greeted('127.0.0.2')).say(ENVELOPE[0])).toMatch(/^250 /);
  });
});

test('more than 500 recipients are refused one by one and the rest is kept', async () => {
  box = await startBox();
  const client = await greeted();
  await client.say(ENVELOPE[0]);
  for (let i = 0; i < LIMITS.recipientsPerMessageMax; i++) {
    expect(await client.say(`RCPT TO:<a${i}@contoso.com>`)).toMatch(/^250 /);
  }
  expect(await client.say('RCPT TO:<more@contoso.com>')).toMatch(/^452 4\.5\.3 /);
  expect(await client.data('a: b\r\n\r\nc')).toMatch(OK);
  expect(box.spool.messages[0]?.message.recipients).toHaveLength(LIMITS.recipientsPerMessageMax);
});

test('a command line without end is refused and the connection closed', async () => {
  box = await startBox();
  const client = await greeted();
  client.write('X'.repeat(LIMITS.commandLineBytesMax + 1));
  expect(await client.reply()).toBe('500 5.5.6 The command line is too long.');
  expect(await client.reply()).toBe('');
});

test('a device that never reads its replies does not fill the memory of the box', async () => {
  box = await startBox();
  const client = await greeted();
  client.socket.pause();
  const block = 'AUTH NTLM\r\n'.repeat(10_000);
  const before = box.log.lines.length;
  for (let i = 0; i < 200; i++) client.write(block);
  for (let i = 0; i < 3000; i++) await new Promise((resolve) => setImmediate(resolve));
  const answered = box.log.lines.length - before;
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBeLessThan(1_000_000);
  client.socket.resume();
  await until(() => box.log.lines.length > before + answered, 'it goes on when the device reads again');
});

test('ten unknown commands end the session', async () => {
  box = await startBox();
  const client = await greeted();
  let last = '';
  for (let i = 0; i < 10; i++) last = await client.say('FOO');
  expect(last).toMatch(/^421 /);
  expect(await client.reply()).toBe('');
});

describe('deadlines on the wire', () => {
  test('a silent device is told and disconnected', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    await clock().advance(LIMITS.commandIdleMaxMs);
    expect(await client.reply()).toBe(
      '421 4.4.2 The device was silent for too long, the connection is closed.',
    );
    expect(await client.reply()).toBe('');
    expect(await box.refusals()).toEqual(['intake.command-timeout']);
  });

  test('a trickle in DATA is told and disconnected, and nothing is kept', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    await inData(client);
    client.write('Subject: slow\r\n\r\n');
    const other = await greeted('127.0.0.2');
    let reply = '';
    void client.reply().then((text) => {
      reply = text;
    });
    for (let i = 0; i < 100 && reply === ''; i++) {
      client.write('0123456789\r\n');
      // An answer to another device shows that the box has read what came before.
      await other.say('NOOP');
      await clock().advance(2000);
    }
    expect(reply).toBe('421 4.4.2 The message came too slowly, please send it again.');
    expect(await box.refusals()).toEqual(['intake.data-too-slow']);
    await until(() => box.spool.opened === box.spool.aborted, 'the body is dropped');
    expect(box.spool.messages).toEqual([]);
  });

  test('silence in DATA is told and disconnected, and a message without any content is not kept', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    await inData(client);
    await clock().advance(LIMITS.dataIdleMaxMs);
    expect(await client.reply()).toBe(
      '421 4.4.2 The device stopped in the middle of a message, please send it again.',
    );
    await until(() => box.log.lines.some(({ event }) => event === 'session.unfinished'), 'it is told');
    const events = await box.spool.events();
    expect(events.find(({ type }) => type === 'session.unfinished')).toMatchObject({
      data: { message: null, address: '127.0.0.1', recipients: 1, bytes: 0, code: 'intake.data-timeout' },
    });
    expect(box.spool.messages).toEqual([]);
  });

  test('a device that does not hang up after the last reply is cut', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    client.socket.pause();
    await clock().advance(LIMITS.commandIdleMaxMs);
    await clock().advance(LIMITS.closeLingerMs);
    await until(() => clock().pendingTimers() === 0, 'the session is gone');
  });

  test('a slow commit is waited for', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    let release = () => {};
    box.spool.holdCommits = new Promise((resolve) => {
      release = resolve;
    });
    await inData(client);
    client.write('a: b\r\n\r\nc\r\n.\r\n');
    await until(() => box.spool.commitsAsked === 1, 'the commit is asked for');
    await clock().advance(LIMITS.dataIdleMaxMs * 2);
    release();
    expect(await client.reply()).toMatch(OK);
  });
});

describe('stopping', () => {
  test('says goodbye to an idle device and takes no new one', async () => {
    box = await startBox();
    const client = await greeted();
    const stopped = box.intake.stop();
    expect(await client.reply()).toBe('421 4.3.2 The box is restarting, please try again in a minute.');
    client.destroy();
    await stopped;
    await expect(connectPlain(box.port())).rejects.toThrow();
  });

  test('lets a message that is under way finish', async () => {
    box = await startBox();
    const client = await greeted();
    await inData(client);
    client.write('a: b\r\n\r\nc');
    const stopped = box.intake.stop();
    client.write('\r\n.\r\n');
    expect(await client.reply()).toMatch(OK);
    expect(await client.reply()).toMatch(/^421 4\.3\.2 /);
    client.destroy();
    await stopped;
    expect(box.spool.messages).toHaveLength(1);
  });

  test('cuts what has not finished in time', async () => {
    box = await startBox({ clock: createFakeClock() });
    const client = await greeted();
    await inData(client);
    const stopped = box.intake.stop();
    await clock().advance(LIMITS.stopMaxMs);
    await client.closed;
    await stopped;
    expect(box.spool.messages).toEqual([]);
  });

  test('cuts a device that is still in its handshake', async () => {
    box = await startBox({ listeners: [{ tls: 'implicit' }], clock: createFakeClock() });
    const client = await connectPlain(box.port());
    await until(() => clock().pendingTimers() > 0, 'the session is open');
    await box.intake.stop();
    await client.closed;
  });

  test('starts again on the same settings', async () => {
    box = await startBox();
    await box.intake.stop();
    const [listener] = await box.intake.start();
    expect(await (await connectPlain(listener?.port ?? 0)).reply()).toMatch(/^220 /);
  });
});

test('a port that is taken is an error that names it, and no listener stays open', async () => {
  box = await startBox();
  const taken = createServer().listen({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => taken.once('listening', resolve));
  const at = taken.address();
  const port = at !== null && typeof at === 'object' ? at.port : 0;
  const failed = startBox({
    settings: {
      listeners: [
        { address: '127.0.0.1', port: 0 },
        { address: '127.0.0.1', port },
      ],
    },
  });
  const error = await failed.catch((reason: unknown) => reason);
  taken.close();
  expect(error).toBeInstanceOf(OperatorError);
  expect((error as OperatorError).explanation).toMatchObject({
    code: 'intake.port-unavailable',
    cause: `The port ${port} at 127.0.0.1 can't be opened for devices (EADDRINUSE).`,
  });
});
