/** A clean stop has an end: ten seconds, with a device in mid-scan and a server that says nothing at once. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { createSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { startTestAgent } from '../support/agent.ts';
import { createQuietLog } from '../support/quiet-log.ts';

let sandbox: Sandbox | null = null;
afterEach(() => sandbox?.stop());

/** A device that says its lines one by one and then leaves DATA open. */
async function openData(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  for (const line of [
    'EHLO copier',
    'MAIL FROM:<copier@contoso.com>',
    'RCPT TO:<anna@contoso.com>',
    'DATA',
  ]) {
    await once(socket, 'data');
    socket.write(`${line}\r\n`);
  }
  await once(socket, 'data');
  socket.write('From: copier@contoso.com\r\n\r\nhalf a scan');
  return socket;
}

test('ends in time with DATA open and a server that falls silent, and keeps what was acknowledged', async () => {
  sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
  const { mx, dns, caPem } = await sandbox.start();
  sandbox.tenant.faults.mx.silentAt = 'data';
  const yaml = `site: { id: stop }
dns: { servers: ['${dns.address}:${dns.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0, tls: none }], trustedNetworks: [127.0.0.0/8], unknownDevices: accept }
spool: { minFreeBytes: 0 }
routes: [{ id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem }]
`;
  const first = await startTestAgent({ yaml, files: { 'ca.pem': caPem } });
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port: first.port() },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: ['anna@contoso.com'],
    message: Buffer.from('From: copier@contoso.com\r\nSubject: kept\r\n\r\nscan\r\n'),
  });
  expect(sent).toMatchObject({ accepted: true });
  const { spool } = first.agent.rooms;
  await first.when(
    async () => ((await spool.stats()).recipients.sending === 1 ? true : null),
    'the scan is being sent',
  );
  const device = await openData(first.port());
  device.on('error', () => {}); // The box closes on it; how does not matter here.

  const startedAt = performance.now();
  await first.stop({ keep: true });
  expect(performance.now() - startedAt).toBeLessThan(LIMITS.stopMaxMs);
  device.destroy();

  sandbox.tenant.faults.mx.silentAt = null;
  const second = await startTestAgent({ yaml, directory: first.directory });
  try {
    const [message] = await sandbox.waitForMessages(1);
    expect(message?.body?.toString()).toContain('Subject: kept');
    expect(sandbox.received()).toHaveLength(1);
  } finally {
    await second.stop();
  }
});
