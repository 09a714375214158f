/** A start that fails while the spool is opening: it says why, and leaves nothing running. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAgent } from '../../src/agent.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { startSpoolThread } from '../support/spool-thread.ts';

const YAML = `site: { id: start }
dataDir: data
intake: { listeners: [{ address: 127.0.0.1, port: 0 }] }
spool: { minFreeBytes: 0 }
routes: [{ id: mx, kind: direct-send, domain: contoso.com }]
`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-start-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a certificate that can not be read ends the start, and the spool is closed for the next one', async () => {
  const place = path.join(directory, 'data', 'ca');
  mkdirSync(path.dirname(place), { mode: 0o700 });
  writeFileSync(place, 'a file where the folder of the certificates should be');
  const log = createQuietLog();
  const create = () => {
    const file = path.join(directory, 'scanferry.yaml');
    writeFileSync(file, YAML);
    const readConfig = () => ({ ...loadConfig({ file, env: {}, profileIds: () => [] }), warnings: [] });
    return createAgent({
      ...{ config: readConfig().config, readConfig, configFile: file, profiles: builtInCatalogue(), log },
      clock: createSystemClock(0),
      support: { env: {}, logTail: () => [] },
      startWorker: startSpoolThread,
    });
  };
  await expect(create().start()).rejects.toThrow();
  expect(JSON.stringify(log.lines)).not.toContain('spool.');
  rmSync(place);
  const agent = create();
  await agent.start();
  await agent.stop();
});
