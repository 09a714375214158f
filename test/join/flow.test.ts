/** A device that splits its jobs, through the whole agent: one scan in, one message out. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import type { Sandbox, SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { cliRun } from '../support/cli.ts';
import { arrivedFor, siteYaml, startTenant } from '../support/site.ts';
import { scan, splitMessage } from './split.ts';

const evidence = { grade: 'inferred', source: 'made for this test', date: '2026-11-24' };
const profiles = loadCatalogue([
  {
    path: 'test/splits/profile.json',
    json: {
      ...{ id: 'test/splits', title: 'Splits its jobs', status: 'partial', smtp: { join: true } },
      evidence: [{ ...evidence, field: 'smtp.join' }],
    },
  },
]);

let sandbox: Sandbox;
let addresses: SandboxAddresses;
let agent: TestAgent | null = null;
beforeEach(async () => {
  ({ sandbox, addresses } = await startTenant());
});
afterEach(async () => {
  await agent?.stop();
  agent = null;
  await sandbox.stop();
});

async function start(device: string, directory?: string): Promise<TestAgent> {
  agent = await startTestAgent({
    yaml: siteYaml(addresses, { devices: [device] }),
    files: { 'ca.pem': addresses.caPem },
    profiles,
    ...(directory === undefined ? {} : { directory }),
  });
  return agent;
}

async function send(to: TestAgent, message: Buffer): Promise<void> {
  const result = await sendScan({
    connect: { host: '127.0.0.1', port: to.port() },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: ['anna@contoso.com'],
    message,
  });
  expect(result).toMatchObject({ accepted: true });
}

const SPLITTER = '{ id: splitter, address: 127.0.0.1, profile: test/splits }';

test('a PDF in three parts out of order arrives as one message, byte for byte', async () => {
  const site = await start(SPLITTER);
  const pdf = randomBytes(3 * 1024 * 1024);
  const [one, two, three] = splitMessage(scan(pdf), { id: 'job-1', parts: 3, totalInLast: true });
  for (const part of [three, one, two]) await send(site, part ?? Buffer.alloc(0));

  const arrived = await arrivedFor(sandbox, 'anna@contoso.com');
  const text = arrived.body?.toString('latin1') ?? '';
  const [header = ''] = text.split('\r\n\r\n');
  expect(header).toContain('\r\nSubject: Scan of the second floor\r\n');
  expect(header).toContain('\r\nMessage-ID: <scan-1@copier>\r\n');
  expect(header).toContain('\r\nFrom: Copier <copier@contoso.com>\r\n');
  expect(header).not.toMatch(/message\/partial|Subject: part|X-Dropped/);
  const encoded = text.split('Content-Transfer-Encoding: base64\r\n\r\n')[1]?.split('\r\n--cut--')[0] ?? '';
  expect(Buffer.from(encoded, 'base64').equals(pdf)).toBe(true);

  const messages = await site.settled(4, ['delivered', 'cancelled']);
  expect(messages.map(({ recipients }) => recipients[0]?.state).sort()).toEqual([
    ...['cancelled', 'cancelled', 'cancelled'],
    'delivered',
  ]);
  const joined = messages.find(({ recipients }) => recipients[0]?.state === 'delivered');
  const parts = messages.filter((message) => message !== joined);
  for (const part of parts) {
    expect(part.hasBody).toBe(false);
    expect(part.recipients[0]).toMatchObject({
      code: 'join.joined',
      cause: `This part went into message ${joined?.head.id}, joined with the others.`,
    });
    expect(part.events.at(-1)).toMatchObject({ type: 'message.joined', data: { into: joined?.head.id } });
  }
  expect(sandbox.received()).toHaveLength(1);
  const { text: history } = await cliRun([
    '--data',
    path.join(site.directory, 'data'),
    'history',
    '--state',
    'cancelled',
  ]);
  expect(history.replace(/\s+/g, ' ').split(`This part went into message ${joined?.head.id}`)).toHaveLength(
    4,
  );
  expect(history).not.toContain('it waits for the other parts');
});

test('parts that came before a restart are joined with those that come after it', async () => {
  const first = await start(SPLITTER);
  const pdf = randomBytes(200_000);
  const [one, two, three] = splitMessage(scan(pdf), { id: 'job-2', parts: 3 });
  await send(first, one ?? Buffer.alloc(0));
  await send(first, three ?? Buffer.alloc(0));
  const { directory } = first;
  await first.stop({ keep: true });

  const second = await start(SPLITTER, directory);
  try {
    await send(second, two ?? Buffer.alloc(0));
    const arrived = await arrivedFor(sandbox, 'anna@contoso.com');
    expect(arrived.body?.toString('latin1')).toContain(pdf.toString('base64').slice(0, 76));
    await second.settled(4, ['delivered', 'cancelled']);
    expect(sandbox.received()).toHaveLength(1);
  } finally {
    await second.stop();
    agent = null;
    rmSync(directory, { recursive: true, force: true });
  }
});

test('parts of a device whose profile does not say that it splits go on as they come', async () => {
  const site = await start('{ id: other, address: 127.0.0.1 }');
  const [one] = splitMessage(scan(randomBytes(100)), { id: 'job-3', parts: 2 });
  await send(site, one ?? Buffer.alloc(0));
  const arrived = await arrivedFor(sandbox, 'anna@contoso.com');
  expect(arrived.body?.toString('latin1')).toContain('message/partial');
});
