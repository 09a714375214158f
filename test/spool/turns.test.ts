/** Devices take turns: who floods delays the others by one message each; older files get their devices filled in. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/spool/migrations.ts';
import { STORAGE } from '../../src/spool/storage.ts';
import type { ClaimFilter } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage, type TestSpool, testMessage } from '../support/spool.ts';
import { ALL, spoolsOfThisFile } from './open-spools.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();

/** Accepts one message; `device` is an id, or an address where it has a dot. */
async function send(
  test: TestSpool,
  device: string,
  recipients = ['ann@contoso.com'],
  held: { code: string; cause: string } | null = null,
): Promise<string> {
  const facts = testMessage(test.clock).device;
  const id = device.includes('.') ? null : device;
  const address = id === null ? device : facts.address;
  return (await acceptTestMessage(test, { device: { ...facts, id, address }, recipients, held })).id;
}

/** Claims one message at a time until nothing is due; names the devices in the order of their turns. */
async function claimAll({ spool, clock }: TestSpool, filter: ClaimFilter = ALL): Promise<string[]> {
  const order: string[] = [];
  for (;;) {
    const [claim] = await spool.claimDue(clock.now(), filter, 1);
    if (claim === undefined) return order;
    order.push(claim.head.device.id ?? claim.head.device.address);
  }
}

describe('a recipient whose message row is gone', () => {
  it('stops nobody behind it, and is not said to be due', async () => {
    const test = await open();
    for (const device of ['a', 'a', 'b']) await send(test, device);
    await test.spool.stop();
    lookInto(test.file, (db) =>
      db.exec('DELETE FROM messages WHERE number = (SELECT min(number) FROM messages)'),
    );
    const again = await open({ directory: test.directory, key: test.key, clock: test.clock });
    expect(await claimAll(again)).toEqual(['a', 'b']);
    expect(await again.spool.nextDueAt(ALL)).toBeNull();
  });
});

describe('the order of claims', () => {
  it.each([
    ['one device after the other, while each has something', 'a a a b b c', 'a b c a b a'],
    ['a single device as it comes', 'a a a', 'a a a'],
    ['an unknown device by its address', 'a a 127.0.0.9 127.0.0.9', '127.0.0.9 a 127.0.0.9 a'],
    [
      'unknown devices apart from each other',
      '127.0.0.8 127.0.0.8 127.0.0.9',
      '127.0.0.8 127.0.0.9 127.0.0.8',
    ],
  ])('takes %s', async (_name, sent, claimed) => {
    const test = await open();
    for (const device of sent.split(' ')) await send(test, device);
    expect((await claimAll(test)).join(' ')).toBe(claimed);
  });

  it('goes on with the device after the one that was served, also between calls', async () => {
    const test = await open();
    for (const device of ['a', 'a', 'b', 'b']) await send(test, device);
    await test.spool.claimDue(test.clock.now(), ALL, 1);
    await send(test, 'c');
    expect(await claimAll(test)).toEqual(['b', 'c', 'a', 'b']);
  });

  it('is the oldest first inside a device, whatever the domain', async () => {
    const clock = createFakeClock();
    const test = await open({ clock });
    const ids: string[] = [];
    for (const domain of ['fabrikam.com', 'contoso.com', 'adatum.com', 'contoso.com', 'fabrikam.com']) {
      ids.push(await send(test, 'a', [`ann@${domain}`]));
      await clock.advance(10);
    }
    const claims = await test.spool.claimDue(clock.now(), ALL, 10);
    expect(claims.map(({ head }) => head.id)).toEqual(ids);
  });

  it('is the same when many are claimed at once', async () => {
    const test = await open();
    for (const device of ['a', 'a', 'a', 'b', 'c']) await send(test, device);
    const claims = await test.spool.claimDue(test.clock.now(), ALL, 4);
    expect(claims.map(({ head }) => head.device.id)).toEqual(['a', 'b', 'c', 'a']);
  });

  it('passes over a device whose domains are left out, and says when it is due', async () => {
    const test = await open();
    await send(test, 'a', ['ann@contoso.com']);
    await send(test, 'b', ['ann@contoso.com', 'bob@fabrikam.com', 'postmaster']);
    const filter: ClaimFilter = { kind: 'except', domains: ['contoso.com'] };
    expect(await test.spool.nextDueAt(filter)).toBe(test.clock.now());
    const [claim, ...others] = await test.spool.claimDue(test.clock.now(), filter, 10);
    expect(claim?.recipients.map(({ address }) => address)).toEqual(['bob@fabrikam.com', 'postmaster']);
    expect(others).toEqual([]);
    expect(await test.spool.nextDueAt(filter)).toBeNull();
    expect(await claimAll(test)).toEqual(['a']);
  });

  it('lets one message of another device go first or second after a flood of 1000', async () => {
    const test = await open();
    await Promise.all(Array.from({ length: 1000 }, () => send(test, 'copier-2f')));
    const late = await send(test, 'scanner-3f');
    const claims = await test.spool.claimDue(test.clock.now(), ALL, 2);
    expect(claims.map(({ head }) => head.id)).toContain(late);
  });
});

/** Takes the file back to the first version of the schema. */
function downgrade(file: string): void {
  const [first] = MIGRATIONS;
  const index = /CREATE INDEX recipients_due .*?;/.exec(first?.sql ?? '')?.[0];
  if (index === undefined) throw new Error('the first step makes the index');
  lookInto(file, (db) =>
    db.exec(`DROP INDEX recipients_due; DROP INDEX attempts_uncertain; DROP INDEX events_troubles;
      ALTER TABLE messages DROP COLUMN origin;
      ALTER TABLE recipients DROP COLUMN device; ${index} PRAGMA user_version = 1;`),
  );
}

describe('a file of the first version', () => {
  it.each([
    ['is taken over', false],
    ['is salvaged', true],
  ])('%s with all its devices', async (_name, isDamaged) => {
    const directory = await mkdtemp(join(tmpdir(), 'scanferry-turns-'));
    const key = randomBytes(32);
    try {
      const before = await open({ directory, key });
      for (const device of ['a', 'a', 'b', '127.0.0.9']) await send(before, device);
      const held = await send(before, 'c', ['ann@contoso.com'], { code: 'test.held', cause: 'Held.' });
      await before.spool.stop();
      downgrade(before.file);
      if (isDamaged) overwriteIndex(before.file);

      const test = await open({ directory, key });
      expect(test.started.salvaged?.messages).toBe(isDamaged ? 5 : undefined);
      await test.spool.act('release', { ids: [held] }, 'kim');
      expect(await claimAll(test)).toEqual(['127.0.0.9', 'a', 'b', 'c', 'a']);
      await test.spool.stop();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

function overwriteIndex(file: string): void {
  const page = lookInto(file, (db) =>
    db.prepare<[], number>("SELECT rootpage FROM sqlite_schema WHERE name = 'recipients_due'").pluck().get(),
  );
  const handle = openSync(file, 'r+');
  writeSync(
    handle,
    randomBytes(STORAGE.pageBytes),
    0,
    STORAGE.pageBytes,
    ((page ?? 0) - 1) * STORAGE.pageBytes,
  );
  closeSync(handle);
}
