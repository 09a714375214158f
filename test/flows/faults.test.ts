/** Faults at the device's side of the box: a cut line, a scan too large, a full spool. Nothing is half-kept. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import { CLIENTS } from '../support/clients.ts';
import { buildScan } from '../support/corpus.ts';
import { runCommand } from '../support/processes.ts';
import { type Site, startSite } from '../support/site.ts';

const MIB = 1024 ** 2;
let site: Site | null = null;
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  await site?.stop();
  site = null;
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

function send(port: number, bytes: number, recipient = 'anna@contoso.com') {
  return sendScan({
    connect: { host: '127.0.0.1', port },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: [recipient],
    message: buildScan({ seed: recipient, pdfBytes: bytes }),
  });
}

async function bodyBytes(on: Site): Promise<number> {
  return (await on.agent.agent.rooms.spool.stats()).bodyBytes;
}

it.each([0, 1000, 3 * MIB])(
  'a device cut after %i bytes of DATA leaves nothing, and the next one is served',
  async (bytes) => {
    site = await startSite();
    const { spool } = site.agent.agent.rooms;
    const socket = net.connect(site.agent.port(), '127.0.0.1');
    const script = 'EHLO copier\r\nMAIL FROM:<copier@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n';
    socket.write(script);
    await new Promise<void>((resolve, reject) => {
      let replies = '';
      socket.on('error', reject).on('data', (chunk) => {
        replies += chunk;
        if (/^354/m.test(replies)) resolve();
      });
    });
    const text = `From: copier@contoso.com\r\nSubject: cut\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72))}`;
    await new Promise<void>((resolve) => void socket.write(bytes === 0 ? '' : text, () => resolve()));
    socket.resetAndDestroy();
    const lost = await site.agent.when(async () => {
      const events = await spool.events(0, 1000);
      return (
        events.find(
          ({ type, data }) =>
            type === 'session.refused' && 'code' in data && data.code === 'intake.connection-lost',
        ) ?? null
      );
    }, 'a record of the cut');
    expect(lost).not.toBeNull();
    expect(await bodyBytes(site)).toBe(0);
    expect(await site.kept('anna@contoso.com')).toEqual([]);
    expect((await send(site.agent.port(), 10_000, 'bert@contoso.com')).accepted).toBe(true);
    await site.arrived('bert@contoso.com');
  },
);

describe('a scan over the size limit', () => {
  const intake = ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: accept', 'maxMessageBytes: 1048576'];
  const SENTENCE = '552 5.3.4 The scan is too large, please use a lower resolution or fewer pages.';
  const tooLarge = buildScan({ seed: 'large', pdfBytes: 2 * MIB });

  it('is refused by its declared size, before a byte of it is sent', async () => {
    site = await startSite({ intake });
    const { stderr, code } = await runCommand('curl', [
      ...['--disable', '--silent', '--verbose', '--upload-file', scanFile(tooLarge)],
      ...['--mail-from', 'copier@contoso.com', '--mail-rcpt', 'anna@contoso.com'],
      `smtp://127.0.0.1:${site.agent.port()}/copier`,
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`< ${SENTENCE}`);
    expect(stderr).not.toContain('> DATA');
  });

  it('is refused while it streams, when nobody declared its size', async () => {
    site = await startSite({ intake });
    const result = await CLIENTS.swaks.send({
      host: '127.0.0.1',
      port: site.agent.port(),
      tls: 'starttls',
      sender: 'copier@contoso.com',
      recipients: ['anna@contoso.com'],
      message: tooLarge,
    });
    expect(result).toMatchObject({ ok: false, code: 552, reply: SENTENCE });
    expect(await bodyBytes(site)).toBe(0);
    expect(await site.kept('anna@contoso.com')).toEqual([]);
  });
});

function scanFile(bytes: Buffer): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-large-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'scan.eml');
  writeFileSync(file, bytes);
  return file;
}

it('a spool at its quota says so, and takes scans again once one has left', async () => {
  site = await startSite({ spool: 'minFreeBytes: 0, maxBytes: 3145728' });
  const { dispatch } = site.agent.agent.rooms;
  dispatch.pauseRoute('direct', 'test');
  expect((await send(site.agent.port(), 1.6 * MIB)).accepted).toBe(true);
  const held = await bodyBytes(site);
  expect(await send(site.agent.port(), 1.6 * MIB, 'bert@contoso.com')).toMatchObject({
    accepted: false,
    replyText: '452 4.3.1 The memory of the box is full, please try again later.',
  });
  expect(await bodyBytes(site)).toBe(held);
  expect(await site.kept('bert@contoso.com')).toEqual([]);
  dispatch.resumeRoute('direct', 'test');
  await site.agent.settled(1);
  expect((await send(site.agent.port(), 1.6 * MIB, 'bert@contoso.com')).accepted).toBe(true);
  await site.arrived('bert@contoso.com');
});
