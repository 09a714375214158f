/** The pack of profiles in a data folder: stored and removed for good, or told that it is not. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProfilePacks, type ProfilePacks } from '../../src/agent/profile-packs.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { NewEvent } from '../../src/core/events.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { syncedBy } from '../support/synced.ts';

let folder: string;
let recorded: NewEvent[];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-packs-'));
  recorded = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function packs(devices = ''): ProfilePacks {
  const file = path.join(folder, 'scanferry.yaml');
  const routes = 'routes: [{ id: direct, kind: direct-send, domain: contoso.com }]';
  const text = `site: { id: site }\n${routes}\ndevices: [${devices}]`;
  const { config } = loadConfig({ file, text, env: {}, profileIds: ['acme/one'] });
  return createProfilePacks({
    ...{ log: createQuietLog(), dataDir: folder, builtIn: new Map(), config: () => config },
    record: async (event) => recorded.push(event),
  });
}

test('a pack that is removed does not come back by a power cut', async () => {
  writeFileSync(path.join(folder, 'profiles.pack'), 'a pack');
  const synced = await syncedBy(() => packs().update({ pack: null, by: 'kim' }));
  expect(synced).toEqual([{ path: folder, names: [] }]);
});

test('a pack that can not be removed stays in use, and that is said', async () => {
  mkdirSync(path.join(folder, 'profiles.pack'));
  await expect(packs().update({ pack: null, by: 'kim' })).rejects.toMatchObject({
    explanation: { code: 'profiles.pack-not-stored' },
  });
  expect(recorded).toEqual([]);
});

test('a pack stays while the config gives one of its profiles to a device, and that is said', async () => {
  writeFileSync(path.join(folder, 'profiles.pack'), 'a pack');
  const used = packs('{ id: copier, address: 192.0.2.7, profile: acme/one }');
  await expect(used.update({ pack: null, by: 'kim' })).rejects.toMatchObject({
    explanation: { code: 'profiles.pack-in-use', cause: expect.stringContaining('copier: acme/one') },
  });
  expect(readdirSync(folder)).toEqual(['profiles.pack']);
});
