/** Claims while a commit is pending: they don't wait for it, and nobody sends what a crash would still take back. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createEngine, type Engine } from '../../src/spool/engine.ts';
import type { OpenedBody, SpoolCalls, SpoolOperation, SpoolRequest } from '../../src/spool/protocol.ts';
import { STORAGE } from '../../src/spool/storage.ts';
import type { Claim } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage, readTestBody, testMessage } from '../support/spool.ts';
import { ALL, spoolsOfThisFile } from './open-spools.ts';

const open = spoolsOfThisFile();
const WHY = { code: 'reply.deferred', cause: 'The other side was busy.', reply: '450 4.9.9 Busy' };
const clock = createFakeClock();
const now = clock.now();

let directory: string;
let engine: Engine;
let lastNumber: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scanferry-claims-'));
  engine = createEngine(
    {
      role: 'spool',
      file: join(directory, 'spool.db'),
      key: randomBytes(32),
      nativeBinding: null,
      layout: STORAGE,
      ...{ maxBytes: 2 ** 30, minFreeBytes: 0, historyDays: 30, failedKeepDays: 7, encrypt: true },
    },
    () => {},
  );
  lastNumber = (await call('start', null)).highestNumber;
});

afterEach(async () => {
  await call('close', null);
  await rm(directory, { recursive: true });
});

/** As the agent's thread calls, but in this one: what is called in one turn meets before any commit. */
function call<O extends SpoolOperation>(
  operation: O,
  args: SpoolCalls[O]['args'],
): Promise<SpoolCalls[O]['result']> {
  const request = { id: 0, now, operation, args } as SpoolRequest;
  return engine.handle(request) as Promise<SpoolCalls[O]['result']>;
}

/** Begins to accept a message; its id, and when it is durable. */
function accept(text = 'Subject: a scan\r\n\r\npage'): { id: string; durable: Promise<null> } {
  const message = testMessage(clock);
  lastNumber += 1;
  const bytes = new Uint8Array(Buffer.from(text));
  const durable = call('commit', { number: lastNumber, open: { isHeld: false }, bytes, message });
  return { id: message.id, durable };
}

async function claimAll(): Promise<{ claim: Claim; body: OpenedBody | null }[]> {
  return call('claimDue', { filter: ALL, limit: 10, dueAt: now });
}

const claimIds = async () => (await claimAll()).map(({ claim }) => claim.head.id);

describe('a claim while a commit is pending', () => {
  test('does not wait for it, and passes over what it accepts', async () => {
    const first = accept();
    await first.durable;
    const second = accept();
    let isDurable = false;
    void second.durable.then(() => {
      isDurable = true;
    });
    expect(await claimIds()).toEqual([first.id]);
    expect(await call('nextDueAt', { filter: ALL })).toBeNull();
    expect(isDurable).toBe(false);
    await second.durable;
    expect(await claimIds()).toEqual([second.id]);
  });

  test('waits for it until one has succeeded: the disk may be full', async () => {
    const first = accept();
    expect(await claimIds()).toEqual([first.id]);
    await first.durable;
  });

  test('is over for whoever looks once its outcome is durable', async () => {
    const { id, durable } = accept();
    await durable;
    const [claimed] = await claimAll();
    const recipientId = claimed?.claim.recipients[0]?.id ?? 0;
    const settled = call('settle', {
      messageId: id,
      attempt: { routeId: 'direct', startedAt: now, endedAt: now, upstream: null },
      recipients: [
        { recipientId, state: 'deferred', nextAttemptAt: now + 1, spendTry: true, ...WHY, uncertain: false },
      ],
    });
    const shown = await call('show', { id });
    expect(shown?.recipients).toMatchObject([{ state: 'deferred', tries: 1 }]);
    await settled;
  });

  test('gets what a person releases only when that is durable', async () => {
    const held = accept();
    await held.durable;
    await call('act', { action: 'hold', filter: { ids: [held.id] }, by: 'cli', before: null });
    const released = call('act', { action: 'release', filter: { ids: [held.id] }, by: 'cli', before: null });
    expect(await claimIds()).toEqual([]);
    await released;
    expect(await claimIds()).toEqual([held.id]);
  });
});

describe('the body of a claimed message', () => {
  test.each([
    ['comes with the claim where it is small', LIMITS.claimedBodyBytesMax, true],
    ['is asked for where it is larger', LIMITS.claimedBodyBytesMax + 1, false],
  ])('%s', async (_name, size, comes) => {
    const text = 'x'.repeat(size);
    await accept(text).durable;
    const [claimed] = await claimAll();
    expect(claimed?.body === null ? null : Buffer.from(claimed?.body.first ?? []).toString()).toBe(
      comes ? text : null,
    );
  });

  test('is read from the claim once, and from the spool after that', async () => {
    const test = await open();
    const { id } = await acceptTestMessage(test, {}, 'small');
    await test.spool.claimDue(test.clock.now(), ALL, 1);
    expect((await readTestBody(test.spool, id)).toString()).toBe('small');
    expect((await readTestBody(test.spool, id)).toString()).toBe('small');
  });
});
