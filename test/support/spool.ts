/** A real spool in a folder of its own, its real thread included; removed with everything in it at the end. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../../src/core/clock.ts';
import { createMessageId } from '../../src/core/message-id.ts';
import { type SpoolSettings, spoolSettings } from '../../src/spool/settings.ts';
import { createSpool, SPOOL_FILE, type SpoolDeps } from '../../src/spool/spool.ts';
import type { NewMessage, Spool, SpoolStart } from '../../src/spool/types.ts';
import { createFakeClock } from './fake-clock.ts';
import { createQuietLog, type QuietLog } from './quiet-log.ts';
import { startSpoolThread } from './spool-thread.ts';

export interface TestSpoolOptions {
  /** A folder to use and to leave in place; by default one is made and removed. */
  directory?: string;
  clock?: Clock;
  key?: Buffer;
  settings?: Partial<SpoolSettings>;
  layout?: SpoolDeps['layout'];
}

export interface TestSpool {
  spool: Spool;
  started: SpoolStart;
  directory: string;
  /** Path of the database. */
  file: string;
  key: Buffer;
  clock: Clock;
  log: QuietLog;
  /** The thread, to be harmed. */
  worker(): Worker;
  /** What the spool reported as the end of its thread. */
  fatal: Promise<Error>;
  /** Stops the spool and removes the folder it made. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Opens a spool; test rooms other than spool's own use it as it is. */
export async function openTestSpool(options: TestSpoolOptions = {}): Promise<TestSpool> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'scanferry-spool-')));
  const key = options.key ?? randomBytes(32);
  const clock = options.clock ?? createFakeClock();
  const log = createQuietLog();
  const fatal = Promise.withResolvers<Error>();
  let thread: Worker | null = null;
  const spool = createSpool({
    clock,
    log,
    settings: { ...spoolSettings().parse({}), minFreeBytes: 0, ...options.settings },
    directory,
    key,
    nativeBinding: null,
    startWorker(workerData) {
      thread = startSpoolThread(workerData);
      return thread;
    },
    onFatal: fatal.resolve,
    ...(options.layout === undefined ? {} : { layout: options.layout }),
  });
  const remove = async () => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  let started: SpoolStart;
  try {
    started = await spool.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    spool,
    started,
    directory,
    file: join(directory, SPOOL_FILE),
    key,
    clock,
    log,
    worker() {
      if (thread === null) throw new Error('the spool has no thread');
      return thread;
    },
    fatal: fatal.promise,
    async close() {
      await spool.stop();
      await remove();
    },
  };
}

/** An envelope with plausible values. */
export function testMessage(clock: Clock, overrides: Partial<NewMessage> = {}): NewMessage {
  const id = createMessageId(clock.now());
  return {
    id,
    receivedAt: clock.now(),
    sender: 'scanner@contoso.com',
    recipients: ['ann@contoso.com'],
    messageIdHeader: `<${id}@scanferry.local>`,
    device: {
      id: 'copier-2f',
      address: '192.168.50.21',
      greeting: 'copier-2f',
      login: null,
      profile: null,
      listener: '0.0.0.0:25',
      tls: { protocol: 'TLSv1', cipher: 'AES128-SHA' },
    },
    held: null,
    ...overrides,
  };
}

/** Puts a message into the spool and returns its envelope. */
export async function acceptTestMessage(
  { spool, clock }: Pick<TestSpool, 'spool' | 'clock'>,
  overrides: Partial<NewMessage> = {},
  body: Buffer | string = 'Subject: scan\r\n\r\nA page.\r\n',
): Promise<NewMessage> {
  const message = testMessage(clock, overrides);
  const receipt = await spool.receive();
  await receipt.write(Buffer.from(body));
  await receipt.commit(message);
  return message;
}

/** The stored body of a message. */
export async function readTestBody(spool: Spool, id: string): Promise<Buffer> {
  return buffer(await spool.openBody(id));
}
