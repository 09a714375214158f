/** What the joiner does with parts that are late, missing, repeated, hostile, or taken away meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createMessageId } from '../../src/core/message-id.ts';
import { HELD_PART } from '../../src/core/message-partial.ts';
import { createJoin } from '../../src/join/join.ts';
import type { Join } from '../../src/join/types.ts';
import { lookInto } from '../spool/raw-database.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { openTestSpool, type TestSpool, testMessage } from '../support/spool.ts';
import { scan, splitMessage } from './split.ts';

const SCAN = scan(Buffer.alloc(3000, 'scan'));

let clock: FakeClock;
let opened: TestSpool;
let join: Join;
let bytesMax = 1024 ** 2;
beforeEach(async () => {
  bytesMax = 1024 ** 2;
  clock = createFakeClock();
  opened = await openTestSpool({ clock });
  join = newJoin();
  await join.start();
});
afterEach(async () => {
  await join.stop();
  await opened.close();
});

function newJoin(): Join {
  return createJoin({
    ...{ clock, log: createQuietLog(), spool: opened.spool, hostname: () => 'scanferry.local' },
    messageBytesMax: () => bytesMax,
  });
}

/** Puts a part into the spool as intake does. */
async function accept(body: Buffer, device = 'copier-2f', recipients = ['ann@contoso.com']): Promise<string> {
  const held = { ...HELD_PART };
  const envelope = testMessage(clock, { id: createMessageId(clock.now()), held, recipients });
  const receipt = await opened.spool.receive({ isHeld: true });
  await receipt.write(body);
  await receipt.commit({ ...envelope, device: { ...envelope.device, id: device } });
  return envelope.id;
}

async function arrive(body: Buffer, device?: string): Promise<string> {
  const id = await accept(body, device);
  join.noticed(id);
  await join.idle();
  return id;
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await opened.spool.show(id))?.recipients[0]?.state;
}

async function queued(): Promise<string[]> {
  const found = await opened.spool.list({ states: ['queued'] }, { limit: 1000, before: null });
  return found.map(({ head }) => head.id);
}

function partsOf(id: string, parts: number): Buffer[] {
  return splitMessage(SCAN, { id, parts });
}

test('a part that comes twice is joined once, and both copies end', async () => {
  const [one, two] = partsOf('a', 2) as [Buffer, Buffer];
  const ids = [await arrive(one), await arrive(one), await arrive(two)];
  expect(await Promise.all(ids.map(stateOf))).toEqual(['cancelled', 'cancelled', 'cancelled']);
  expect(await queued()).toHaveLength(1);
});

test('incomplete parts go out as they are once the wait is over, and not before', async () => {
  const [one, two] = partsOf('a', 3) as [Buffer, Buffer];
  const first = await arrive(one);
  await clock.advance(LIMITS.joinWaitMs - 1000);
  const second = await arrive(two);
  await clock.advance(LIMITS.joinWaitMs - 1000);
  await join.idle();
  expect(await queued()).toEqual([]);
  await clock.advance(1000);
  await join.idle();
  expect((await queued()).sort()).toEqual([first, second].sort());
});

test('the same id from two devices makes two messages', async () => {
  const [one, two] = partsOf('same', 2) as [Buffer, Buffer];
  await arrive(one, 'copier-a');
  await arrive(two, 'copier-b');
  expect(await queued()).toEqual([]);
  await arrive(two, 'copier-a');
  expect(await queued()).toHaveLength(1);
});

test('a message larger than the box takes is not made; its parts go out as they are', async () => {
  bytesMax = 1000;
  const ids = [];
  for (const part of partsOf('large', 3)) ids.push(await arrive(part));
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('a part that an operator has released meanwhile ends the join; the others follow it', async () => {
  const [one, two, three] = partsOf('a', 3) as [Buffer, Buffer, Buffer];
  const first = await arrive(one);
  const second = await arrive(two);
  await opened.spool.act('release', { ids: [first] }, 'operator');
  const third = await arrive(three);
  expect((await queued()).sort()).toEqual([first, second, third].sort());
});

test.each(['another part comes', 'the box starts again'])(
  'a part of which an operator has cancelled one recipient goes to the other when %s',
  async (what) => {
    const [ann, bob] = ['ann@contoso.com', 'bob@contoso.com'];
    const [one, two] = partsOf('a', 2) as [Buffer, Buffer];
    const first = await accept(one, 'copier-2f', [ann, bob]);
    join.noticed(first);
    await join.idle();
    await opened.spool.act('cancel', { ids: [first], recipient: bob }, 'operator');
    if (what === 'another part comes') {
      join.noticed(await accept(two, 'copier-2f', [ann, bob]));
    } else {
      await join.stop();
      join = newJoin();
      await join.start();
    }
    await join.idle();
    const states = (await opened.spool.show(first))?.recipients.map(({ address, state }) => [address, state]);
    expect(states).toEqual([
      [ann, 'queued'],
      [bob, 'cancelled'],
    ]);
  },
);

test('parts that no joiner noticed are found at the next start', async () => {
  await join.stop();
  for (const part of partsOf('a', 3)) await accept(part);
  join = newJoin();
  await join.start();
  await join.idle();
  expect(await queued()).toHaveLength(1);
});

test('a part that can not be read goes its way, and keeps none of the others waiting', async () => {
  await join.stop();
  await opened.close();
  const directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-join-'));
  try {
    opened = await openTestSpool({ clock, directory });
    const { key, file } = opened;
    // The start looks at them from either end.
    const [broken, lost] = partsOf('broken', 2) as [Buffer, Buffer];
    const damaged = [await accept(broken)];
    for (const part of partsOf('a', 3)) await accept(part);
    damaged.push(await accept(lost));
    await opened.close();
    const damage =
      'UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE id IN (SELECT id FROM chunks ORDER BY id';
    lookInto(file, (db) => {
      db.prepare(`${damage} LIMIT 1)`).run();
      db.prepare(`${damage} DESC LIMIT 1)`).run();
    });
    opened = await openTestSpool({ clock, directory, key });
    join = newJoin();
    await join.start();
    await join.idle();
    const waiting = await queued();
    expect(waiting.filter((id) => damaged.includes(id)).sort()).toEqual(damaged.sort());
    expect(waiting).toHaveLength(damaged.length + 1);
    await join.stop();
    await opened.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('more unfinished messages than the bound let the stalest go', async () => {
  const [one] = partsOf('first', 2) as [Buffer];
  const first = await arrive(one);
  for (let i = 0; i < LIMITS.joinsWaitingMax; i++) {
    await clock.advance(1);
    await arrive(partsOf(`more-${i}`, 2)[0] as Buffer);
  }
  expect(await queued()).toEqual([first]);
});

describe('a join that stops in the middle', () => {
  test('leaves the parts as they were, for the next start', async () => {
    const ids: string[] = [];
    for (const part of partsOf('a', 3)) ids.push(await accept(part));
    for (const id of ids) join.noticed(id);
    await join.stop();
    const states = await Promise.all(ids.map(stateOf));
    // The stop came before or after the one commit; never between.
    expect(new Set(states).size).toBe(1);
    join = newJoin();
    await join.start();
    await join.idle();
    expect(await Promise.all(ids.map(stateOf))).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(await queued()).toHaveLength(1);
  });
});
