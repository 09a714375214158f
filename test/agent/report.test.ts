/** The connection to the broker as the config in force wants it: what is said of it while it is made, replaced and ended. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { InForce } from '../../src/agent/in-force.ts';
import { type AgentReport, createAgentReport } from '../../src/agent/report.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';

let folder: string;
let store: TestSpool;
let broker: Mosquitto;
let report: AgentReport | null = null;
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-agent-report-'));
  store = await openTestSpool();
  broker = await startMosquitto();
});
afterEach(async () => {
  await report?.stop();
  report = null;
  await broker.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function configWith(...lines: string[]): Config {
  const file = path.join(folder, 'scanferry.yaml');
  const routes = 'routes: [{ id: direct, kind: direct-send, domain: contoso.com }]';
  writeFileSync(file, `site: { id: site }\n${routes}\n${lines.join('\n')}`);
  return loadConfig({ file, env: {}, profileIds: () => [] }).config;
}

const mqtt = (more = '') => configWith(`mqtt: { url: '${broker.url}'${more} }`);

/** What the report reads of the spool waits for `gate`, which the test may replace. */
function create(config: Config, clock = createSystemClock(0)) {
  const inForce: InForce = { config, routes: [], listeners: [], webPort: null, devices: [] };
  const gate: { open: Promise<void> } = { open: Promise.resolve() };
  const made = createAgentReport({
    ...{ clock, log: createQuietLog(), inForce, key: randomBytes(32), startedAt: clock.now() },
    spool: {
      ...store.spool,
      async getFacts(room) {
        await gate.open;
        return store.spool.getFacts(room);
      },
    },
    health: {
      report: () => ({ ts: clock.now(), grade: 'ok', readings: [] }),
      devices: () => [],
      onReport: () => () => {},
    },
    execute: async () => null,
  });
  report = made;
  return { report: made, inForce, gate };
}

const connected = (made: AgentReport) =>
  expect.poll(() => made.broker()?.connected, { timeout: 20_000 }).toBe(true);
const CONNECTING = { connected: false, error: { code: 'mqtt.connecting' } };

test('a connection that is replaced is told as one that is being made', async () => {
  const { report: made, inForce, gate } = create(mqtt());
  expect(made.broker()).toMatchObject(CONNECTING);
  await made.start();
  await connected(made);
  const held = Promise.withResolvers<void>();
  gate.open = held.promise;
  inForce.config = mqtt(', telemetrySeconds: 600');
  made.refresh();
  await expect.poll(() => made.broker()?.connected).toBe(false);
  expect(made.broker()).toMatchObject(CONNECTING);
  held.resolve();
  await connected(made);
});

test('there is none only where the config has none, and after the end it is told as stopped', async () => {
  const { report: made, inForce } = create(configWith());
  await made.start();
  expect(made.broker()).toBeNull();
  inForce.config = mqtt();
  made.refresh();
  await connected(made);
  inForce.config = configWith();
  made.refresh();
  await expect.poll(() => made.broker()).toBeNull();
  inForce.config = mqtt();
  await made.stop();
  expect(made.broker()).toMatchObject({ connected: false, error: { code: 'mqtt.stopped' } });
});

test('one that could not be begun for a spool that can not be read is begun when it can', async () => {
  const clock = createFakeClock();
  const { report: made, inForce, gate } = create(configWith(), clock);
  await made.start();
  gate.open = Promise.reject(new Error('disk error'));
  gate.open.catch(() => {});
  inForce.config = mqtt();
  made.refresh();
  await expect.poll(() => clock.pendingTimers()).toBe(1);
  expect(made.broker()).toMatchObject(CONNECTING);
  gate.open = Promise.resolve();
  await clock.advance(LIMITS.brokerBackoffMaxMs);
  await connected(made);
});
