/** What a restore leaves at each moment: an agent that starts meanwhile, a power that goes. */
import fs, { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataEntries } from '../../src/backup/contents.ts';
import { writeBackup } from '../../src/backup/create.ts';
import { PROBLEMS } from '../../src/backup/problems.ts';
import { type RestoreRequest, restoreBackup } from '../../src/backup/restore.ts';
import { OperatorError } from '../../src/core/errors.ts';
import { type Synced, syncedBy } from '../support/synced.ts';

const PASSPHRASE = 'four copiers';

let folder: string;
const inFolder = (name: string) => path.join(folder, name);
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-restore-'));
  mkdirSync(inFolder('old/ca'), { recursive: true });
  for (const name of ['old/box.key', 'old/secrets.json', 'old/ca/root.pem', 'spool'])
    writeFileSync(inFolder(name), name);
  await writeBackup({
    ...{ out: inFolder('box.backup'), force: false, passphrase: PASSPHRASE },
    manifest: { version: '1', site: null, created: 0, config: null, messages: true },
    entries: dataEntries(inFolder('old'), inFolder('spool')),
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function restore(more: Partial<RestoreRequest> = {}) {
  return restoreBackup({
    ...{ file: inFolder('box.backup'), passphrase: PASSPHRASE, force: true, now: 0 },
    ...{ dataDir: inFolder('new'), configFile: null, assertNoAgent: async () => {}, ...more },
  });
}

test('an agent that starts while the backup is read keeps its data folder', async () => {
  let looks = 0;
  const restored = restore({
    async assertNoAgent(dataDir) {
      looks += 1;
      if (looks === 1) return;
      writeFileSync(path.join(dataDir, 'spool.db'), 'of the agent that runs');
      throw new OperatorError(PROBLEMS.agentRunning(dataDir));
    },
  });
  await expect(restored).rejects.toMatchObject({ explanation: { code: 'backup.agent-running' } });
  expect(readdirSync(inFolder('new'))).toEqual(['spool.db']);
});

test('what is told as restored is on the disk, and the box key only after all the rest', async () => {
  const synced = await syncedBy(() => restore());
  const ofFolder = (name: string) => synced.filter((each) => each.path.endsWith(name));
  expect(ofFolder('/data/ca').map(({ names }) => names)).toEqual([['root.pem']]);
  const kept = ({ names }: Synced) => names.filter((name) => !name.startsWith('.'));
  expect(ofFolder('/new').map(kept)).toEqual([
    ['ca', 'secrets.json', 'spool.db'],
    ['box.key', 'ca', 'secrets.json', 'spool.db'],
  ]);
});

/** Does `work`; what the data folder held before each rename in it. */
async function betweenRenames(work: () => Promise<unknown>): Promise<string[][]> {
  const { renameSync } = fs;
  const held: string[][] = [];
  fs.renameSync = (from, to) => {
    held.push(readdirSync(inFolder('new')));
    renameSync(from, to);
  };
  syncBuiltinESMExports();
  try {
    await work();
    return held;
  } finally {
    fs.renameSync = renameSync;
    syncBuiltinESMExports();
  }
}

test('a power cut at any moment leaves no folder in which an agent would begin as a new box', async () => {
  mkdirSync(inFolder('new'));
  for (const name of ['box.key', 'learned.json', 'secrets.json', 'spool.db'])
    writeFileSync(path.join(inFolder('new'), name), 'of before');
  const held = await betweenRenames(() => restore());
  expect(held.length).toBeGreaterThan(6);
  const tells = ['box.key', 'secrets.json', 'spool.db'];
  expect(held.filter((names) => !names.some((name) => tells.includes(name)))).toEqual([]);
  // With the key of before there is all of before, and with the new one all that is new.
  expect(held.slice(1).filter((names) => names.includes('box.key'))).toEqual([]);
});
