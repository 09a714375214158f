/** A real full disk, and real memory: what the bundled agent does with both. */
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import { bundleFile } from '../support/bundle.ts';
import { type ChildSite, startChildSite } from '../support/child-site.ts';
import { buildScan } from '../support/corpus.ts';
import { runOrThrow, startProcess } from '../support/processes.ts';
import { arrivedFor } from '../support/site.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

const MIB = 1024 ** 2;
/** PDF bytes per byte of the message around them. */
const BASE64_SHARE = 0.73;
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

async function smallDisk(size: string): Promise<string> {
  const { folder, remove } = await mountSmallDisk(size);
  cleanups.push(remove);
  return folder;
}

async function start(dataDir: string | null, spool: string): Promise<ChildSite> {
  const site = await startChildSite({ spool, ...(dataDir === null ? {} : { dataDir }) });
  cleanups.push(() => site.stop());
  return site;
}

function send({ port }: ChildSite, pdfBytes: number, recipient: string, localAddress = '127.0.0.1') {
  return sendScan({
    connect: { host: '127.0.0.1', port, localAddress },
    tls: 'starttls',
    tlsMax: 'TLSv1',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: [recipient],
    message: buildScan({ seed: recipient, pdfBytes }),
  });
}

/** Fills the disk up to `leave` bytes with a file that the test can remove again. */
function fillDisk(disk: string, leave: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const file = path.join(disk, 'ballast');
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
  return file;
}

/** Sends until it is answered as wanted: what the spool knows of the disk may be a second old. */
function untilReply(site: ChildSite, recipient: string, reply: RegExp, pdfBytes = 10_000) {
  return expect
    .poll(async () => (await send(site, pdfBytes, recipient)).replyText, { timeout: 10_000 })
    .toMatch(reply);
}

describe('a disk that is nearly full', () => {
  it('makes scans wait at the device below the free space that was asked for, until there is room', async () => {
    const disk = await smallDisk('48m');
    const site = await start(path.join(disk, 'data'), 'minFreeBytes: 16777216');
    const ballast = fillDisk(disk, 8 * MIB);
    await untilReply(
      site,
      'anna@contoso.com',
      /^452 4\.3\.1 The disk of the box is nearly full, please try again/,
    );
    rmSync(ballast);
    await untilReply(site, 'bert@contoso.com', /^250 /);
    await arrivedFor(site.sandbox, 'bert@contoso.com');
  });

  it('that fills up in the middle of a scan refuses it for now, keeps what was accepted, and heals', async () => {
    const disk = await smallDisk('48m');
    const site = await start(path.join(disk, 'data'), 'minFreeBytes: 0');
    await site.sandbox.setListening('mx', false);
    expect((await send(site, 100_000, 'early@contoso.com')).accepted).toBe(true);
    const before = await spoolFigures(site);
    const ballast = fillDisk(disk, 2 * MIB);

    // Every page of SQLite past these 2 MiB now fails with ENOSPC, for real.
    const refused = await send(site, 12 * MIB, 'late@contoso.com');
    expect(refused.replyText, refused.failure ?? '').toMatch(/^452 4\.3\.[01] /);
    expect(await spoolFigures(site)).toEqual(before);
    expect((await site.scanferry('queue', 'list')).stdout).not.toContain('late@contoso.com');

    rmSync(ballast);
    await site.sandbox.setListening('mx', true);
    await untilReply(site, 'late@contoso.com', /^250 /, 12 * MIB);
    await site.scanferry('routes', 'resume', 'direct');
    await site.scanferry('queue', 'retry', '--all');
    for (const name of ['early@contoso.com', 'late@contoso.com']) await arrivedFor(site.sandbox, name);
    expect(site.agent.hasEnded()).toBe(false);
    expect(readdirSync(site.dataDir).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  it('at the start delays no device: 452, the status says why, and what waits goes on when there is room', async () => {
    const disk = await smallDisk('48m');
    const site = await start(path.join(disk, 'data'), 'minFreeBytes: 0');
    await site.sandbox.setListening('mx', false);
    expect((await send(site, 100_000, 'early@contoso.com')).accepted).toBe(true);
    await site.agent.stop();
    const ballast = fillDisk(disk, 0);

    const again = startProcess(process.execPath, [await bundleFile(), 'run', '--config', site.config]);
    cleanups.push(() => again.stop());
    await again.waitForLine(/"event":"agent\.started"/);
    const refused = await send(site, 100_000, 'late@contoso.com');
    expect(refused.replyText, refused.failure ?? '').toMatch(/^452 4\.3\.[01] /);
    const status = await site.scanferry('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(
      /^new mail is refused for now \(452\): The disk has too little free space/m,
    );

    rmSync(ballast);
    await site.sandbox.setListening('mx', true);
    await untilReply(site, 'late@contoso.com', /^250 /);
    await site.scanferry('routes', 'resume', 'direct');
    await site.scanferry('queue', 'retry', '--all');
    for (const name of ['early@contoso.com', 'late@contoso.com']) await arrivedFor(site.sandbox, name);
    expect((await site.scanferry('status')).stdout).not.toMatch(/refused for now/);
    expect(again.hasEnded()).toBe(false);
  });

  it('sends nothing more from the first result that it cannot record: with room again each message goes once', async () => {
    const disk = await smallDisk('48m');
    const site = await start(path.join(disk, 'data'), 'minFreeBytes: 0');
    await site.sandbox.setListening('mx', false);
    const names = ['anna', 'bert', 'carl', 'dora'].map((name) => `${name}@contoso.com`);
    for (const name of names) expect((await send(site, 10_000, name)).accepted).toBe(true);
    await site.agent.stop();
    await site.sandbox.setListening('mx', true);
    const ballast = fillDisk(disk, 0);

    const again = startProcess(process.execPath, [await bundleFile(), 'run', '--config', site.config]);
    cleanups.push(() => again.stop());
    await again.waitForLine(/"room":"dispatch","write":.*"event":"dispatch\.write-failed"/);
    const status = await site.scanferry('status');
    expect(status.stdout).toContain('(dispatch.unrecordable)');
    // The probe of the route that was paused may have gone before; its result is kept and written below.
    expect(site.sandbox.received().length).toBeLessThanOrEqual(1);

    rmSync(ballast);
    for (const name of names) await arrivedFor(site.sandbox, name);
    const arrived = site.sandbox.received().flatMap(({ recipients }) => recipients);
    for (const name of names) expect(arrived.filter((address) => address === name)).toHaveLength(1);
  });
});

it('a data folder on a disk that is mounted read-only ends the start with one sentence', async () => {
  const disk = await smallDisk('48m');
  const dataDir = path.join(disk, 'data');
  const site = await start(dataDir, 'minFreeBytes: 0');
  await site.agent.stop();
  await runOrThrow('mount', ['-o', 'remount,ro', disk]);
  const { code, stdout, stderr } = await site.scanferry('run');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^scanferry: The data folder \S+ can't be used \(EROFS: read-only file system/);
  expect(stderr.trim().split('\n')).toHaveLength(2);
});

/** Bytes of bodies and recipients in each state but `sending`, which comes and goes with attempts. */
async function spoolFigures(site: ChildSite): Promise<{ bodyBytes: number; kept: number }> {
  // The command line prints the agent's own status (control/commands.ts AgentStatus).
  const { spool } = (await site.json('status')).value as {
    spool: { bodyBytes: number; recipients: Record<string, number> };
  };
  return {
    bodyBytes: spool.bodyBytes,
    kept: Object.values(spool.recipients).reduce((sum, count) => sum + count, 0),
  };
}

/** A line such as `VmHWM:  123456 kB` of /proc/<pid>/status, in MiB. */
function memoryMib(pid: number, line: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

it('eight scans of 25 MiB at once stream through: memory does not follow their size', async () => {
  const site = await start(null, 'minFreeBytes: 0');
  const { pid } = site.agent;

  /** One scan of about `mib` MiB as mail from each of eight devices at once; the peak of memory so far. */
  async function sendEight(mib: number): Promise<number> {
    const devices = Array.from({ length: 8 }, (_, index) => ({
      address: `127.0.0.${31 + index}`,
      recipient: `desk-${index}-${mib}@contoso.com`,
    }));
    const sent = await Promise.all(
      devices.map((device) => send(site, mib * MIB * BASE64_SHARE, device.recipient, device.address)),
    );
    expect(sent.map(({ accepted, failure }) => ({ accepted, failure }))).toEqual(
      devices.map(() => ({ accepted: true, failure: null })),
    );
    for (const device of devices) await arrivedFor(site.sandbox, device.recipient);
    return memoryMib(pid, 'VmHWM');
  }

  const idle = memoryMib(pid, 'VmRSS');
  const peakSmall = await sendEight(7);
  const peakLarge = await sendEight(25);
  console.log(
    `resident memory: ${idle.toFixed(0)} MiB idle, peak ${peakSmall.toFixed(0)} MiB with 8 scans of 7 MiB, ${peakLarge.toFixed(0)} MiB with 8 of 25 MiB`,
  );
  // Together they are 144 MiB larger. What a garbage collector leaves lying for a moment depends on load, not on size.
  expect(peakLarge - peakSmall).toBeLessThan(144);
  expect(peakLarge - idle).toBeLessThan(300);
});
