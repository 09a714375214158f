/** The box's own short log: batches, bounds, and a disk that takes nothing. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { createKeptLog, type KeptLog, readKeptLog } from '../../src/support/kept-log.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';

let directory: string;
let clock: FakeClock;
let log: KeptLog;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-log-'));
  clock = createFakeClock();
  log = createKeptLog({ clock, directory });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const file = () => path.join(directory, 'log/agent.log');
const written = () => (statSync(file(), { throwIfNoEntry: false }) ? readFileSync(file(), 'utf8') : '');
const line = (text: string, level = 'info') => `${JSON.stringify({ level, event: text })}\n`;

test('writes lines together, a quarter of an hour after the first', async () => {
  log.add(line('one'));
  await clock.advance(LIMITS.logBatchMs - 1);
  log.add(line('two'));
  expect(written()).toBe('');
  await clock.advance(1);
  expect(written()).toBe(line('one') + line('two'));
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test('writes a warning soon, and what waited with it', async () => {
  log.add(line('one'));
  log.add(line('two', 'warn'));
  await clock.advance(LIMITS.logTroubleMs);
  expect(written()).toBe(line('one') + line('two', 'warn'));
});

test('plans nothing while there is nothing to write', async () => {
  expect(clock.pendingTimers()).toBe(0);
  log.add(line('one'));
  await clock.advance(LIMITS.logBatchMs);
  expect(clock.pendingTimers()).toBe(0);
});

test('shows what is not written yet after what is', async () => {
  log.add(line('one'));
  log.flush();
  log.add(line('two'));
  expect(log.tail()).toEqual([line('one').trim(), line('two').trim()]);
  expect(readKeptLog(directory)).toEqual([line('one').trim()]);
});

test('keeps two files of a bounded size, the newest lines in them', () => {
  const text = 'x'.repeat(1000);
  for (let i = 0; i < 5000; i++) log.add(line(`${i} ${text}`));
  log.flush();
  const sizes = readdirSync(path.join(directory, 'log')).map(
    (name) => statSync(path.join(directory, 'log', name)).size,
  );
  expect(sizes).toHaveLength(2);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(LIMITS.logFileBytesMax);
  const kept = readKeptLog(directory);
  expect(kept.at(-1)).toContain('"4999 ');
  expect(kept.join('\n').length).toBeLessThanOrEqual(LIMITS.supportLogBytesMax);
});

test('stops writing at the bytes of a day, keeps the newest in memory, and says what it left out', async () => {
  const text = 'x'.repeat(4000);
  for (let i = 0; i < 6000; i++) log.add(line(`${i} ${text}`));
  const day = 6000 * Buffer.byteLength(line(`0000 ${text}`));
  expect(day).toBeGreaterThan(LIMITS.logDayBytesMax);
  expect(readKeptLog(directory).at(-1)).not.toContain('"5999 ');
  expect(log.tail().at(-1)).toContain('"5999 ');
  await clock.advance(24 * 3600 * 1000);
  log.add(line('next day', 'warn'));
  await clock.advance(LIMITS.logTroubleMs);
  const kept = readKeptLog(directory);
  expect(kept.at(-1)).toBe(line('next day', 'warn').trim());
  expect(kept.filter((each) => each.includes('log.lines-dropped'))).toHaveLength(1);
});

test('goes on when the disk takes nothing, and says how many lines are missing', () => {
  // In the place of its folder stands a file.
  writeFileSync(path.join(directory, 'log'), '');
  for (let i = 0; i < 300; i++) log.add(line(`${i} ${'x'.repeat(1000)}`));
  rmSync(path.join(directory, 'log'));
  mkdirSync(path.join(directory, 'log'));
  log.flush();
  const [first = ''] = written().split('\n');
  const { event, lines } = JSON.parse(first);
  expect(event).toBe('log.lines-dropped');
  expect(lines + written().trim().split('\n').length - 1).toBe(300);
});

test('cuts a line that is too long', () => {
  log.add(line('x'.repeat(3 * LIMITS.logLineBytesMax)));
  log.flush();
  expect(written().length).toBeLessThan(2 * LIMITS.logLineBytesMax);
});
