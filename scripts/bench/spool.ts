/**
 * Measures the spool's storage layouts: messages per second, CPU per message, bytes written per byte accepted.
 *
 * Run: `node scripts/bench/spool.ts [folder]`. The folder has to be on a real disk, because the figure of bytes
 * written comes from the kernel's /proc/self/io. A message is accepted, read, and settled, as in real life.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { createSystemClock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { createMessageId } from '../../src/core/message-id.ts';
import { spoolSettings } from '../../src/spool/settings.ts';
import { createSpool, SPOOL_FILE } from '../../src/spool/spool.ts';
import { STORAGE, type StorageLayout } from '../../src/spool/storage.ts';
import type { Spool } from '../../src/spool/types.ts';

const KIB = 1024;
const SMALL_BYTES = 4 * KIB;
const LARGE_BYTES = 5 * KIB * KIB;
const WORKER = new URL('../../src/spool/worker-main.ts', import.meta.url);

const quiet: Log = {
  debug() {},
  info() {},
  warn: console.warn,
  error: console.error,
  child: () => quiet,
};

interface Load {
  name: string;
  bodyBytes: number;
  messages: number;
  writers: number;
}

const LOADS: Load[] = [
  { name: '4 KiB x1', bodyBytes: SMALL_BYTES, messages: 150, writers: 1 },
  { name: '4 KiB x50', bodyBytes: SMALL_BYTES, messages: 1000, writers: 50 },
  { name: '5 MiB x2', bodyBytes: LARGE_BYTES, messages: 20, writers: 2 },
];

function layouts(): StorageLayout[] {
  const base = STORAGE;
  const modes = (['TRUNCATE', 'PERSIST', 'WAL'] as const).flatMap((journalMode) =>
    [4096, 16384].map((pageBytes) => ({ ...base, journalMode, pageBytes })),
  );
  const chunks = [64, 256].map((kib) => ({ ...STORAGE, chunkBytes: kib * KIB }));
  return [...modes, ...chunks, { ...STORAGE, autoVacuum: 'INCREMENTAL' }];
}

const clock = createSystemClock(0);
const folder = process.argv[2] ?? '/var/tmp';
console.log(
  '| journal | page | chunk | vacuum | load | messages/s | CPU ms/message | written/accepted | file MiB |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const layout of layouts()) for (const load of LOADS) await measure(layout, load);

async function measure(layout: StorageLayout, load: Load): Promise<void> {
  const directory = mkdtempSync(path.join(folder, 'scanferry-bench-'));
  const spool = createSpool({
    clock,
    log: quiet,
    settings: { ...spoolSettings().parse({}), minFreeBytes: 0 },
    directory,
    key: randomBytes(32),
    nativeBinding: null,
    layout,
    startWorker: (workerData) => new Worker(WORKER, { workerData }),
    onFatal(error) {
      throw error;
    },
  });
  try {
    await spool.start();
    await run(spool, { ...load, messages: load.writers });
    const written = writtenBytes();
    const cpu = process.cpuUsage();
    const begun = performance.now();
    await run(spool, load);
    const seconds = (performance.now() - begun) / 1000;
    const used = process.cpuUsage(cpu);
    const fileMib = statSync(path.join(directory, SPOOL_FILE)).size / KIB / KIB;
    await spool.stop();
    // Stopped first: a write-ahead log is carried over into the database then, and counts.
    const ratio = (writtenBytes() - written) / (load.messages * load.bodyBytes);
    const cells = [
      layout.journalMode,
      layout.pageBytes,
      `${layout.chunkBytes / KIB} KiB`,
      layout.autoVacuum,
      load.name,
      (load.messages / seconds).toFixed(0),
      ((used.user + used.system) / 1000 / load.messages).toFixed(2),
      ratio.toFixed(2),
      fileMib.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function run(spool: Spool, load: Load): Promise<void> {
  const body = randomBytes(load.bodyBytes);
  let left = load.messages;
  const write = async () => {
    while (left-- > 0) await relay(spool, body);
  };
  await Promise.all(Array.from({ length: load.writers }, write));
}

/** One message in and out. */
async function relay(spool: Spool, body: Buffer): Promise<void> {
  const now = clock.now();
  const id = createMessageId(now);
  const receipt = await spool.receive();
  for (let at = 0; at < body.length; at += 64 * KIB) await receipt.write(body.subarray(at, at + 64 * KIB));
  const device = { id: null, address: '192.168.50.21', greeting: null, login: null, profile: null };
  await receipt.commit({
    id,
    receivedAt: now,
    sender: 'scanner@contoso.com',
    recipients: ['ann@contoso.com'],
    messageIdHeader: `<${id}@scanferry.local>`,
    device: { ...device, listener: '0.0.0.0:25', tls: null },
    held: null,
  });
  await finished((await spool.openBody(id)).resume());
  for (const claim of await spool.claimDue(clock.now(), { kind: 'all' }, 1)) {
    await spool.settle({
      messageId: claim.head.id,
      attempt: { routeId: 'bench', startedAt: now, endedAt: clock.now(), upstream: null },
      recipients: claim.recipients.map((recipient) => ({
        recipientId: recipient.id,
        state: 'delivered',
        reply: '250 2.0.0 OK',
      })),
    });
  }
}

function writtenBytes(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
}
