/** A damaged file is put aside, what can be read is carried over, and the spool always opens. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/spool/storage.ts';
import type { NewMessage } from '../../src/spool/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { acceptTestMessage, readTestBody, type TestSpool } from '../support/spool.ts';
import { ALL, claimOne, deliver, spoolsOfThisFile } from './open-spools.ts';
import { lookInto } from './raw-database.ts';

const open = spoolsOfThisFile();
const { pageBytes } = STORAGE;
const MESSAGES = 120;

let directory: string;
let file: string;
const key = randomBytes(32);
const clock = createFakeClock();
const body = (index: number) => Buffer.alloc(3000 + 3000 * index, `${index} `);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scanferry-salvage-'));
  file = join(directory, 'spool.db');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** A spool with one delivered and many waiting messages, a fact, stopped. */
async function prepare(): Promise<NewMessage[]> {
  const test = await open({ directory, key, clock });
  await acceptTestMessage(test);
  await deliver(test, await claimOne(test));
  await test.spool.putFact('report', 'cursor', 7);
  const messages: NewMessage[] = [];
  for (let index = 0; index < MESSAGES; index++)
    messages.push(await acceptTestMessage(test, {}, body(index)));
  await test.spool.stop();
  return messages;
}

/** Numbers of the pages of a table or index, the root first. */
function pagesOf(name: string): number[] {
  return lookInto(file, (db) =>
    db
      .prepare<[string], number>(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype <> 'overflow' ORDER BY path",
      )
      .pluck()
      .all(name),
  );
}

function overwritePage(page: number, bytes = randomBytes(pageBytes)): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, (page - 1) * pageBytes);
  closeSync(handle);
}

/** How the waiting messages came through: whole and due, failed with the reason, or gone. */
async function fate(
  test: TestSpool,
  messages: NewMessage[],
): Promise<Record<'whole' | 'failed' | 'gone', number>> {
  const result = { whole: 0, failed: 0, gone: 0 };
  for (const [index, { id }] of messages.entries()) {
    const detail = await test.spool.show(id);
    const recipient = detail?.recipients[0];
    if (recipient === undefined) result.gone++;
    else if (recipient.state === 'failed') {
      expect(recipient.code).toBe('spool.lost-in-damage');
      result.failed++;
    } else {
      expect((await readTestBody(test.spool, id)).equals(body(index)), `body ${index}`).toBe(true);
      result.whole++;
    }
  }
  return result;
}

describe('a file that is no database', () => {
  test.each([
    ['garbage', () => writeFileSync(file, randomBytes(100_000))],
    ['empty', () => writeFileSync(file, '')],
    ['a few bytes', () => writeFileSync(file, 'SQLite format 3')],
  ])('(%s) is put aside, and a fresh spool works', async (_name, damage) => {
    await prepare();
    damage();
    const bytes = readFileSync(file);
    const test = await open({ directory, key, clock });
    expect(test.started).toMatchObject({ pending: 0, salvaged: { messages: 0, lost: 0 } });
    const aside = test.started.salvaged?.damagedFile ?? '';
    expect(readFileSync(aside).equals(bytes)).toBe(true);
    const { id } = await acceptTestMessage(test, {}, 'after');
    expect((await readTestBody(test.spool, id)).toString()).toBe('after');
  });
});

describe('a page that was overwritten', () => {
  test.each(['messages', 'recipients', 'chunks', 'keys', 'events', 'facts', 'attempts'])(
    'in %s costs what was on it, and nothing is passed over in silence',
    async (table) => {
      const messages = await prepare();
      const pages = pagesOf(table);
      const page = pages[Math.floor(pages.length / 2)] ?? 0;
      overwritePage(page);
      const first = await open({ directory, key, clock });
      // Damage among the chunks shows when they are touched, as the start doesn't read gigabytes of bodies.
      await Promise.allSettled(messages.map(({ id }) => readTestBody(first.spool, id)));
      await first.spool.stats();
      await first.spool.stop();
      const test = await open({ directory, key, clock });
      const [told] = (await test.spool.events(0, 10_000)).filter(({ type }) => type === 'spool.salvaged');
      expect(told?.data).toMatchObject({ damagedFile: expect.stringContaining('spool.damaged-') });
      const { whole, failed, gone } = await fate(test, messages);
      expect(whole).toBeGreaterThan(table === 'facts' || table === 'attempts' ? MESSAGES - 1 : MESSAGES / 3);
      expect(told?.data).toMatchObject({ lost: failed + gone });
    },
  );

  test('in an index costs nothing', async () => {
    const messages = await prepare();
    overwritePage(pagesOf('recipients_due')[0] ?? 0);
    const test = await open({ directory, key, clock });
    expect(test.started).toMatchObject({ pending: MESSAGES, salvaged: { messages: MESSAGES + 1, lost: 0 } });
    expect(await fate(test, messages)).toEqual({ whole: MESSAGES, failed: 0, gone: 0 });
    expect(await test.spool.getFacts('report')).toEqual(new Map([['cursor', 7]]));
    expect(await test.spool.claimDue(clock.now(), ALL, 1000)).toHaveLength(MESSAGES);
  });
});

describe('bits that flipped in a row', () => {
  test.each([
    ['a state that there is none', `state = 'qveued'`],
    ['a state in which nobody waits, and a time of the next attempt', `state = 'delivered'`],
  ])('(%s) cost that message, and nothing is passed over in silence', async (_name, damage) => {
    const messages = await prepare();
    lookInto(file, (db) => {
      db.pragma('ignore_check_constraints = ON');
      db.exec(`UPDATE recipients SET ${damage} WHERE id = (SELECT max(id) FROM recipients)`);
    });
    const test = await open({ directory, key, clock });
    expect(test.started.salvaged?.damagedFile).toContain('spool.damaged-');
    const { whole, failed, gone } = await fate(test, messages);
    expect(whole).toBe(MESSAGES - 1);
    expect(test.started.salvaged?.lost).toBe(failed + gone);
  });
});

describe('a file that was cut short', () => {
  test('keeps what was in the part that is left', async () => {
    const messages = await prepare();
    truncateSync(file, Math.floor(readFileSync(file).length / 2 / pageBytes) * pageBytes);
    const test = await open({ directory, key, clock });
    const { whole, failed, gone } = await fate(test, messages);
    expect(test.started.salvaged?.lost).toBe(failed + gone);
    expect(whole + failed + gone).toBe(MESSAGES);
    expect(whole).toBeGreaterThan(0);
  });
});

describe('damage while running', () => {
  test('is salvaged without a restart, and the message that lost its body says so', async () => {
    const messages = await prepare();
    const pages = pagesOf('chunks');
    overwritePage(pages[Math.floor(pages.length / 2)] ?? 0);
    const test = await open({ directory, key, clock });
    expect(test.started.salvaged).toBeNull();
    const reads = await Promise.allSettled(messages.map(({ id }) => readTestBody(test.spool, id)));
    expect(reads.some(({ status }) => status === 'rejected')).toBe(true);
    const { whole, failed, gone } = await fate(test, messages);
    expect(gone).toBe(0);
    expect(failed).toBeGreaterThan(0);
    expect(whole).toBe(MESSAGES - failed);
    expect(test.log.lines.map(({ event }) => event)).toContain('spool.salvaged');
    const { id } = await acceptTestMessage(test, {}, 'after');
    expect((await readTestBody(test.spool, id)).toString()).toBe('after');
  });
});

describe('after a salvage', () => {
  test('event numbers go on above all that were ever given', async () => {
    await prepare();
    const before = await (async () => {
      const test = await open({ directory, key, clock });
      const all = await test.spool.events(0, 10_000);
      await test.spool.stop();
      return all.at(-1)?.seq ?? 0;
    })();
    writeFileSync(file, randomBytes(50_000));
    const test = await open({ directory, key, clock });
    await test.spool.record({ type: 'agent.started', data: { version: '1' } });
    const seqs = (await test.spool.events(before, 100)).map(({ seq }) => seq);
    expect(seqs).toHaveLength(2);
    expect(seqs[0]).toBeGreaterThan(before);
  });

  test('the damaged file goes when failed messages would', async () => {
    await prepare();
    writeFileSync(file, 'not a database');
    const passing = createFakeClock(clock.now());
    const test = await open({ directory, key, clock: passing, settings: { failedKeepDays: 7 } });
    const aside = test.started.salvaged?.damagedFile ?? '';
    const nextRound = async (days: number) => {
      passing.setWallClock(passing.now() + days * 24 * 3600 * 1000);
      while (passing.pendingTimers() === 0) await test.spool.stats();
      await passing.advance(3600 * 1000);
      while (passing.pendingTimers() === 0) await test.spool.stats();
    };
    await nextRound(6);
    expect(existsSync(aside)).toBe(true);
    await nextRound(1);
    expect(existsSync(aside)).toBe(false);
  });

  test('only the newest damaged files are kept', async () => {
    for (let round = 0; round < 4; round++) {
      writeFileSync(file, `not a database ${round}`);
      await clock.advance(1000);
      const test = await open({ directory, key, clock });
      await test.spool.stop();
    }
    const kept = (await readdir(directory)).filter((name) => /^spool\.damaged-.*\.db$/.test(name));
    expect(kept).toHaveLength(2);
    const texts = kept.sort().map((name) => readFileSync(join(directory, name), 'utf8'));
    expect(texts).toEqual(['not a database 2', 'not a database 3']);
  });
});

describe('a database of a newer version', () => {
  test('is refused with a sentence, and stays as it is', async () => {
    await prepare();
    lookInto(file, (db) => db.pragma('user_version = 99'));
    const before = readFileSync(file);
    await expect(open({ directory, key, clock })).rejects.toMatchObject({
      explanation: { code: 'spool.newer-version', advice: expect.stringContaining('newer version') },
    });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(join(directory, 'spool.db.new'))).toBe(false);
  });
});
