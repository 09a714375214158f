/** The promise under kill -9: whatever was acknowledged arrives, fifty times over, at random moments under load. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import type { ReceivedMessage } from '../../src/sandbox/message-store.ts';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { IS_UNCERTAIN } from '../../src/spool/migrations.ts';
import { CHILDREN_MAX } from '../../src/spool/numbers.ts';
import { SPOOL_FILE } from '../../src/spool/spool.ts';
import { lookInto } from '../spool/raw-database.ts';
import { freePort, type RunningProcess, startProcess } from '../support/processes.ts';
import { createQuietLog } from '../support/quiet-log.ts';
import { createRandom, seedFromEnvironment } from '../support/random.ts';

const ROUNDS = 50;
const SENDERS = 16;
/** After the start: from the first connections to deep in the load. */
const KILL_AFTER_MS = { min: 20, max: 400 };
const BUNDLE = path.resolve(import.meta.dirname, '../../dist/scanferry.cjs');

let directory: string;
let sandbox: Sandbox;
let port: number;
let agent: RunningProcess | null = null;

beforeAll(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-kill-'));
  sandbox = createSandbox({
    clock: createSystemClock(0),
    log: createQuietLog(),
    bodyBytesMax: 1024 ** 3,
  });
  const { mx, dns, caPem } = await sandbox.start();
  port = await freePort('127.0.0.1');
  writeFileSync(path.join(directory, 'ca.pem'), caPem);
  writeFileSync(
    path.join(directory, 'scanferry.yaml'),
    `site: { id: kill-test }
dataDir: data
dns: { servers: ['${dns.address}:${dns.port}'] }
intake:
  listeners: [{ address: 127.0.0.1, port: ${port}, tls: none }]
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: accept
  messagesPerHour: 1000000
  connectionsPerDevice: 100
spool: { minFreeBytes: 0 }
routes:
  - { id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem, limits: { messagesPerMinute: 100000, connections: 8 } }
`,
  );
});

afterAll(async () => {
  await agent?.stop();
  await sandbox.stop();
  rmSync(directory, { recursive: true, force: true });
});

function messageIdOf(message: ReceivedMessage): string {
  const head = message.body?.subarray(0, 4096).toString('latin1') ?? '';
  return /^Message-ID: (\S+)/m.exec(head)?.[1] ?? 'none';
}

/** Attempts whose answer nobody has, by the Message-ID of their message. */
function uncertainAttempts(): Map<string, number> {
  const rows = lookInto(path.join(directory, 'data', SPOOL_FILE), (db) =>
    db
      .prepare<[], { id: string; count: number }>(
        `SELECT message_id_header AS id, count(*) AS count FROM attempts JOIN messages ON number = attempts.id / ${CHILDREN_MAX}
         WHERE ${IS_UNCERTAIN} GROUP BY number`,
      )
      .all(),
  );
  return new Map(rows.map(({ id, count }) => [id, count]));
}

async function startAgent(): Promise<RunningProcess> {
  const child = startProcess(process.execPath, [
    BUNDLE,
    'run',
    '--config',
    path.join(directory, 'scanferry.yaml'),
  ]);
  await child.waitForLine(/"event":"agent\.started"/);
  return child;
}

test(`nothing acknowledged is lost over ${ROUNDS} kills`, { timeout: 240_000 }, async () => {
  const seed = seedFromEnvironment();
  console.log(`seed ${seed} (SEED=${seed} repeats it)`);
  const random = createRandom(seed);
  const acknowledged = new Set<string>();
  let attempted = 0;

  /** Sends until the connection dies; only a 250 counts. */
  async function keepSending(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const id = `<${attempted++}.${seed}@copier.contoso.com>`;
      const padding = 'x'
        .repeat(64)
        .concat('\r\n')
        .repeat(Math.floor(random() * 2000));
      const message = Buffer.from(
        `Message-ID: ${id}\r\nFrom: copier@contoso.com\r\nSubject: scan\r\n\r\n${padding}`,
      );
      const result = await sendScan({
        connect: { host: '127.0.0.1', port },
        tls: 'none',
        hello: { verb: 'EHLO', name: 'copier' },
        from: 'copier@contoso.com',
        to: ['anna@contoso.com'],
        message,
      }).catch(() => null); // The agent is killed under it; what counts is what was acknowledged before.
      if (result?.accepted) acknowledged.add(id);
    }
  }

  for (let round = 0; round < ROUNDS; round++) {
    agent = await startAgent();
    let isKilled = false;
    const senders = Array.from({ length: SENDERS }, () => keepSending(() => isKilled));
    const delay = KILL_AFTER_MS.min + random() * (KILL_AFTER_MS.max - KILL_AFTER_MS.min);
    await new Promise((resolve) => setTimeout(resolve, delay)); // The random moment itself, not a wait for something.
    agent.signal('SIGKILL');
    isKilled = true;
    await agent.waitForExit();
    await Promise.all(senders);
  }

  agent = await startAgent();
  const arrived = () => new Set(sandbox.received().map(messageIdOf));
  const missing = () => [...acknowledged].filter((id) => !arrived().has(id));
  const control = createControlClient(path.join(directory, 'data'));
  /** A message that several kills caught at its final dot waits for minutes, so as not to be sent at each start. */
  async function missingAtLast(): Promise<string[]> {
    await control.call('queue.act', { action: 'retry', filter: { states: ['deferred'] }, by: 'the test' });
    return missing();
  }
  await expect.poll(missingAtLast, { timeout: 60_000, interval: 500 }).toEqual([]);
  await agent.stop();
  const copies = new Map<string, number>();
  for (const id of sandbox.received().map(messageIdOf)) copies.set(id, (copies.get(id) ?? 0) + 1);
  const uncertain = uncertainAttempts();
  const again = sandbox.received().length - arrived().size;
  console.log(
    `${attempted} sent, ${acknowledged.size} acknowledged, ${arrived().size} arrived and ${again} copies more, ${[...uncertain.values()].reduce((sum, count) => sum + count, 0)} attempts uncertain`,
  );
  // Whatever came twice is told as what may have, message by message.
  const untold = [...copies].filter(([id, count]) => (uncertain.get(id) ?? 0) < count - 1);
  expect(untold).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(ROUNDS);
});
