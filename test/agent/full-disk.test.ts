/** What an agent does goes on where the disk takes no record of it, and is recorded when there is room again. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { Clock } from '../../src/core/clock.ts';
import { createFastClock } from '../report/support/fast-clock.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';

let disk: SmallDisk;
let site: TestAgent | null = null;
beforeEach(async () => {
  disk = await mountSmallDisk('8m');
});
afterEach(async () => {
  await site?.stop({ keep: true });
  site = null;
  await disk.remove();
});

function yaml(unknownDevices: string): string {
  return `site: { id: full }
intake: { listeners: [{ address: 127.0.0.1, port: 0, tls: none }], unknownDevices: ${unknownDevices} }
spool: { minFreeBytes: 0 }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`;
}

async function start(more: { clock?: Clock } = {}): Promise<TestAgent> {
  site = await startTestAgent({ yaml: yaml('reject'), directory: disk.folder, ...more });
  return site;
}

/** Takes all the room there is; what is returned gives it back. */
function fillUp(): () => void {
  const file = path.join(disk.folder, 'filler');
  for (let size = 1024 ** 2; size >= 1; size = Math.floor(size / 2)) {
    while (hasRoom(file, size));
  }
  return () => rmSync(file);
}

function hasRoom(file: string, bytes: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

test('a config that is applied counts as applied', async () => {
  const { agent, rewrite, when } = await start();
  rewrite(yaml('hold'));
  const makeRoom = fillUp();
  expect(await agent.reload('kim')).toMatchObject({ changed: ['intake'] });
  expect(await agent.reload('kim')).toMatchObject({ changed: [] });
  makeRoom();
  const applied = await when(async () => {
    const events = await agent.rooms.spool.events(0, 100);
    const found = events.filter(({ type }) => type === 'config.applied');
    return found.length < 2 ? null : found;
  }, 'two events of a config that was applied');
  expect(applied.map(({ data }) => data)).toEqual([
    { by: 'kim', changed: ['intake'] },
    { by: 'kim', changed: [] },
  ]);
});

test('a config that is refused is refused with its own reason', async () => {
  const { agent, rewrite } = await start();
  rewrite(yaml('perhaps'));
  const makeRoom = fillUp();
  await expect(agent.reload('kim')).rejects.toMatchObject({ explanation: { code: 'config.invalid' } });
  makeRoom();
});

test('a pack of profiles that can not be used does not keep the agent from starting', async () => {
  await (await start()).stop({ keep: true });
  writeFileSync(path.join(disk.folder, 'data/profiles.pack'), 'no pack');
  const makeRoom = fillUp();
  const { agent, when } = await start();
  makeRoom();
  const isTold = async () =>
    (await agent.rooms.spool.events(0, 100)).find(({ type }) => type === 'profiles.ignored') ?? null;
  expect(await when(isTold, 'the event of a pack that is left out')).toMatchObject({
    data: { code: expect.stringMatching(/^profiles\./) },
  });
});

/** A new config is on trial, with a window that ends long after the test; what it was before. */
async function tryConfig(): Promise<{ file: string; before: string; config: string }> {
  const file = path.join(disk.folder, 'scanferry.yaml');
  const before = readFileSync(file, 'utf8');
  const config = `dataDir: data\n${yaml('hold')}`;
  const client = createControlClient(path.join(disk.folder, 'data'));
  await client.call('config.set', { config, windowSeconds: 3600, by: 'kim' });
  return { file, before, config };
}

function endOfTrial({ agent }: TestAgent) {
  return async () =>
    (await agent.rooms.spool.events(0, 100)).find(
      ({ type }) => type === 'config.rolled-back' || type === 'config.kept',
    ) ?? null;
}

test('a config on trial is put back while the disk is full, and that is told when there is room', async () => {
  const running = await start({ clock: createFastClock(20) });
  const { agent, log, when } = running;
  const { file, before } = await tryConfig();
  const makeRoom = fillUp();
  agent.rooms.dispatch.pauseRoute('direct', 'kim');
  const told = () => log.lines.map(({ event }) => event);
  await expect.poll(told, { timeout: 20_000 }).toContain('config.rolled-back');
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(await agent.reload('kim')).toMatchObject({ changed: [] });
  makeRoom();
  expect(await when(endOfTrial(running), 'the end of the trial')).toMatchObject({
    ...{ type: 'config.rolled-back', data: { by: 'kim', changed: ['intake'] } },
  });
});

test('what could not be told of the end of a trial is told by the next start, also without the reason', async () => {
  const running = await start({ clock: createFastClock(20) });
  const { file } = await tryConfig();
  const makeRoom = fillUp();
  running.agent.rooms.dispatch.pauseRoute('direct', 'kim');
  const told = () => running.log.lines.map(({ event }) => event);
  await expect.poll(told, { timeout: 20_000 }).toContain('config.rolled-back');
  await running.stop({ keep: true });
  makeRoom();
  // As it is where the record found no room.
  const record = JSON.parse(readFileSync(`${file}.trial`, 'utf8'));
  writeFileSync(`${file}.trial`, JSON.stringify({ ...record, undone: null }));
  const again = await start();
  expect(await again.when(endOfTrial(again), 'the end of the trial')).toMatchObject({
    ...{ type: 'config.rolled-back', data: { by: 'kim', code: 'config.trial-put-back' } },
  });
  await expect.poll(() => existsSync(`${file}.trial`)).toBe(false);
});

test('a config on trial that can not be put back is watched on, and put back when that is possible', async () => {
  const running = await start({ clock: createFastClock(20) });
  const { agent, log, when } = running;
  const { file, before, config } = await tryConfig();
  const [previous, elsewhere] = [`${file}.previous`, path.join(disk.folder, 'elsewhere')];
  renameSync(previous, elsewhere);
  agent.rooms.dispatch.pauseRoute('direct', 'kim');
  await expect
    .poll(() => log.lines.map(({ event }) => event), { timeout: 20_000 })
    .toContain('config.trial-failed');
  expect(readFileSync(file, 'utf8')).toBe(config);
  renameSync(elsewhere, previous);
  expect(await when(endOfTrial(running), 'the end of the trial')).toMatchObject({
    type: 'config.rolled-back',
  });
  expect(readFileSync(file, 'utf8')).toBe(before);
});
