/** How long the agent takes from its start to its greeting, with many messages waiting in the spool. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openBoxKey } from '../../src/config/box-key.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createMessageId } from '../../src/core/message-id.ts';
import { spoolSettings } from '../../src/spool/settings.ts';
import { createSpool } from '../../src/spool/spool.ts';
import type { Spool } from '../../src/spool/types.ts';
import { createQuietLog } from '../../test/support/quiet-log.ts';

const WORKER = new URL('../../src/spool/worker-main.ts', import.meta.url);
const WRITERS = 200;
const clock = createSystemClock(0);

/** Puts `count` messages of 1 KiB into the spool of the data folder. */
export async function fillSpool(dataDir: string, count: number): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const spool = createSpool({
    clock,
    log: createQuietLog(),
    settings: { ...spoolSettings().parse({}), minFreeBytes: 0 },
    directory: dataDir,
    key: openBoxKey(dataDir),
    nativeBinding: null,
    startWorker: (workerData) => new Worker(WORKER, { workerData }),
    onFatal(error) {
      throw error;
    },
  });
  await spool.start();
  const body = randomBytes(512).toString('hex');
  let left = count;
  const write = async () => {
    while (left-- > 0) await accept(spool, body);
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  await spool.stop();
}

async function accept(spool: Spool, body: string): Promise<void> {
  const receivedAt = clock.now();
  const id = createMessageId(receivedAt);
  const receipt = await spool.receive();
  await receipt.write(Buffer.from(`From: copier@contoso.com\r\n\r\n${body}\r\n`));
  await receipt.commit({
    ...{ id, receivedAt, sender: 'copier@contoso.com', recipients: ['desk@contoso.com'], held: null },
    messageIdHeader: `<${id}@scanferry.contoso.com>`,
    device: {
      ...{ id: null, address: '127.0.0.1', greeting: null, login: null, profile: null },
      ...{ listener: '127.0.0.1:25', tls: null },
    },
  });
}

/** Calls `start`, and resolves with the milliseconds until the port that it was given greets. */
export async function timeToGreeting<T>(port: number, start: () => Promise<T>): Promise<[ms: number, T]> {
  const begun = performance.now();
  const [ms, started] = await Promise.all([
    greeted(port, begun + GREETING_LIMIT_MS).then(() => performance.now() - begun),
    start(),
  ]);
  return [ms, started];
}

const GREETING_LIMIT_MS = 60_000;
const RETRY_MS = 5;

async function greeted(port: number, deadline: number): Promise<void> {
  while (performance.now() < deadline) {
    const socket = connect({ host: '127.0.0.1', port });
    try {
      await once(socket, 'data');
      return;
    } catch {
      // Nobody listens yet.
      await pause(RETRY_MS);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`no greeting on port ${port} within ${GREETING_LIMIT_MS} ms`);
}
