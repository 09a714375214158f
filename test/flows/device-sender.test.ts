/** The sender a device gets from the config, on ways with and without a mailbox. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { createQuietLog } from '../support/quiet-log.ts';

let sandbox: Sandbox;
let addresses: SandboxAddresses;
let agent: TestAgent | null = null;
beforeEach(async () => {
  sandbox = createSandbox({ clock: createSystemClock(0), log: createQuietLog() });
  addresses = await sandbox.start();
});
afterEach(async () => {
  await agent?.stop();
  agent = null;
  await sandbox.stop();
});

async function sendBy(route: string): Promise<{ sender: string; header: string }> {
  agent = await startTestAgent({
    yaml: `site: { id: senders }
dns: { servers: ['${addresses.dns.address}:${addresses.dns.port}'] }
intake: { listeners: [{ address: 127.0.0.1, port: 0 }] }
spool: { minFreeBytes: 0 }
devices: [{ id: copier-2f, address: 127.0.0.1, from: copies@contoso.com }]
routes: [${route}]
`,
    files: { 'ca.pem': addresses.caPem },
    env: { PASSWORD: sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.password ?? '' },
  });
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port: agent.port() },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'root@copier.invalid',
    to: ['anna@contoso.com'],
    message: Buffer.from('From: "Copier, 2nd floor" <root@copier.invalid>\r\nSubject: scan\r\n\r\nbody\r\n'),
  });
  expect(sent).toMatchObject({ accepted: true });
  const [message] = await sandbox.waitForMessages(1);
  return { sender: message?.sender ?? '', header: message?.body?.toString().split('\r\n\r\n')[0] ?? '' };
}

test('replaces what the device sends on direct send, and replies reach the original', async () => {
  const { mx } = addresses;
  const { sender, header } = await sendBy(
    `{ id: direct, kind: direct-send, domain: ${mx.domain}, port: ${mx.port}, ca: ca.pem }`,
  );
  expect(sender).toBe('copies@contoso.com');
  expect(header).toContain('From: "Copier, 2nd floor" <copies@contoso.com>\r\n');
  expect(header).toContain('Reply-To: <root@copier.invalid>');
});

test('wins over the mailbox on submission', async () => {
  sandbox.tenant.mailboxes.get(DEFAULT_MAILBOX)?.sendAs.push('copies@contoso.com');
  const { host, port } = addresses.submission;
  const { sender, header } = await sendBy(
    `{ id: mailbox, kind: submission, host: ${host}, port: ${port}, ca: ca.pem, mailbox: ${DEFAULT_MAILBOX}, auth: { kind: basic, password: { env: PASSWORD } } }`,
  );
  expect(sender).toBe('copies@contoso.com');
  expect(header).not.toContain(DEFAULT_MAILBOX);
});
