/** Unknown devices, from the first held message to the approval that outlives a restart, through the whole agent. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ControlClient, createControlClient } from '../../src/control/client.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import type { Sandbox, SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { poll } from '../support/poll.ts';
import { runCommand } from '../support/processes.ts';
import { arrivedFor, siteYaml, startTenant } from '../support/site.ts';

let sandbox: Sandbox;
let addresses: SandboxAddresses;
let agent: TestAgent;
let client: ControlClient;
let directory: string;
beforeEach(async () => {
  ({ sandbox, addresses } = await startTenant());
});
afterEach(async () => {
  await agent.stop();
  await sandbox.stop();
  rmSync(directory, { recursive: true, force: true });
});

const HOLD = ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: hold'];

async function start(options: { devices?: string[]; again?: boolean } = {}): Promise<void> {
  agent = await startTestAgent({
    yaml: siteYaml(addresses, { intake: HOLD, devices: options.devices ?? [] }),
    files: { 'ca.pem': addresses.caPem },
    ...(options.again ? { directory } : {}),
  });
  ({ directory } = agent);
  client = createControlClient(path.join(directory, 'data'));
}

async function restart(devices: string[] = []): Promise<void> {
  await agent.stop({ keep: true });
  await start({ devices, again: true });
}

function send(from: string, to: string, tls: 'none' | 'starttls' = 'none') {
  return sendScan({
    connect: { host: '127.0.0.1', port: agent.port(), localAddress: from },
    ...{ tls, tlsMax: 'TLSv1' },
    hello: { verb: 'EHLO', name: 'RNP58387980F121' },
    from: 'copier@contoso.com',
    to: [to],
    message: Buffer.from('Subject: scan\r\n\r\npages\r\n'),
  });
}

/** What a search would have kept of a Ricoh at that address. */
async function findRicoh(address: string): Promise<void> {
  const signals = {
    snmpSysDescr: 'RICOH MP C2503 1.10 / RICOH Network Printer C model / RICOH Network Scanner C model',
    snmpSysObjectId: '1.3.6.1.4.1.367.1.1',
  };
  const device = {
    ...{ address, mac: null, maker: 'Ricoh', names: [], model: null, firmware: null, verdict: 'identified' },
    ...{ profile: 'ricoh/mp', title: 'Ricoh', score: 100, why: '', candidates: [], signals },
    ...{ foundBy: ['snmp v2c'], isDevice: true, advice: [] },
  };
  await agent.agent.rooms.spool.putFact('discovery', `device ${address}`, { firstFoundAt: 1, device });
  await restart();
}

const list = () => client.call('devices.list', {});
const rowAt = async (address: string) => (await list()).find((row) => row.address === address);

test('a device that sent something waits with its likely profile; approved, its mail goes at once', async () => {
  await start();
  expect((await send('127.0.0.21', 'anna@contoso.com')).accepted).toBe(true);
  expect((await send('127.0.0.21', 'bert@contoso.com')).accepted).toBe(true);
  expect((await send('127.0.0.22', 'carl@contoso.com')).accepted).toBe(true);
  const row = await rowAt('127.0.0.21');
  expect(row).toMatchObject({ id: null, standing: 'held', held: 2, tls: 'none', profile: null });
  expect(row?.why).toContain('greeting');

  const approval = await client.call('devices.approve', {
    device: '127.0.0.21',
    id: 'copier-2f',
    by: 'test',
  });
  expect(approval).toMatchObject({ id: 'copier-2f', released: 2, profile: null });
  expect(approval.yaml).toBe("  - id: copier-2f\n    address: '127.0.0.21'");
  await arrivedFor(sandbox, 'anna@contoso.com');
  await arrivedFor(sandbox, 'bert@contoso.com');
  expect(await rowAt('127.0.0.22')).toMatchObject({ standing: 'held', held: 1 });

  // Known now, without a restart: what it sends next is its own, and goes through.
  await send('127.0.0.21', 'dora@contoso.com');
  await arrivedFor(sandbox, 'dora@contoso.com');
  const [message] = await agent.agent.rooms.spool.list(
    { recipient: 'dora@contoso.com' },
    { limit: 1, before: null },
  );
  expect(message?.head.device).toMatchObject({ id: 'copier-2f' });
  const { devices } = await client.call('health', {});
  expect(devices).toContainEqual(expect.objectContaining({ id: 'copier-2f', address: '127.0.0.21' }));
  const events = await agent.agent.rooms.spool.events(0, 1000);
  expect(events.filter(({ type }) => type === 'device.approved')).toMatchObject([
    { data: { device: 'copier-2f', address: '127.0.0.21', by: 'test', released: 2 } },
  ]);
});

test('the box that looks at its own listeners is no device before it sends', async () => {
  await start();
  const look = (from: string) =>
    runCommand('swaks', [
      ...['--server', `127.0.0.1:${agent.port()}`, '--local-interface', from],
      ...['--to', 'anna@contoso.com', '--quit-after', 'EHLO'],
    ]);
  expect((await look('127.0.0.1')).code).toBe(0);
  expect((await look('127.0.0.29')).code).toBe(0);
  await poll(async () => (await rowAt('127.0.0.29')) ?? null, 'the other one is seen');
  expect(await rowAt('127.0.0.1')).toBeUndefined();
  expect((await send('127.0.0.1', 'anna@contoso.com')).accepted).toBe(true);
  expect(await rowAt('127.0.0.1')).toMatchObject({ standing: 'held', held: 1 });
  await client.call('queue.act', { action: 'cancel', filter: {}, by: 'kim' });
  await poll(
    async () => ((await rowAt('127.0.0.1'))?.standing === 'seen' ? true : null),
    'it stays in the list',
  );
});

test('two that are approved at the same time get an id each', async () => {
  await start();
  const approvals = await Promise.all(
    ['127.0.0.21', '127.0.1.21'].map((device) => client.call('devices.approve', { device, by: 'test' })),
  );
  expect(new Set(approvals.map(({ id }) => id)).size).toBe(2);
  const approved = (await list()).filter(({ standing }) => standing === 'approved');
  expect(approved.map(({ address }) => address)).toEqual(['127.0.0.21', '127.0.1.21']);
});

test('an approval outlives a restart, and gives way to an entry of the config', async () => {
  await start();
  await send('127.0.0.21', 'anna@contoso.com');
  await client.call('devices.approve', { device: '127.0.0.21', id: 'copier-2f', by: 'test' });
  await restart();
  expect(await rowAt('127.0.0.21')).toMatchObject({ id: 'copier-2f', standing: 'approved' });
  expect((await send('127.0.0.21', 'erna@contoso.com')).accepted).toBe(true);
  await arrivedFor(sandbox, 'erna@contoso.com');

  await restart(['{ id: copier, address: 127.0.0.21, profile: generic/plain }']);
  expect(await rowAt('127.0.0.21')).toMatchObject({
    ...{ id: 'copier', standing: 'config', profile: 'generic/plain', origin: 'given' },
  });
  expect((await list()).map(({ id }) => id)).not.toContain('copier-2f');
  await expect(client.call('devices.forget', { device: 'copier', by: 'test' })).rejects.toThrow('config');
});

test('a reload of the config keeps what was approved', async () => {
  await start();
  await client.call('devices.approve', { device: '127.0.0.21', id: 'copier-2f', by: 'test' });
  agent.rewrite(siteYaml(addresses, { intake: [...HOLD, 'messagesPerHour: 100'], devices: [] }));
  await agent.agent.reload('test');
  await send('127.0.0.21', 'anna@contoso.com');
  await arrivedFor(sandbox, 'anna@contoso.com');
});

test('a forgotten device is unknown again', async () => {
  await start();
  await client.call('devices.approve', { device: '127.0.0.21', id: 'copier-2f', by: 'test' });
  await send('127.0.0.21', 'anna@contoso.com');
  await arrivedFor(sandbox, 'anna@contoso.com');
  await client.call('devices.forget', { device: 'copier-2f', by: 'test' });
  expect(await rowAt('127.0.0.21')).toBeUndefined();
  await send('127.0.0.21', 'bert@contoso.com');
  expect(await rowAt('127.0.0.21')).toMatchObject({ standing: 'held', held: 1 });
});

test('a device that discovery has named is treated so before it is approved, and whoever asks is told why', async () => {
  await start();
  await findRicoh('127.0.0.21');
  expect(await rowAt('127.0.0.21')).toMatchObject({ standing: 'found', origin: 'identified' });
  await send('127.0.0.21', 'anna@contoso.com');
  const row = await rowAt('127.0.0.21');
  expect(row).toMatchObject({ standing: 'held', origin: 'identified' });
  expect(row?.profile).toMatch(/^ricoh\//);
  expect(row?.why).toContain('sysDescr');
  const events = await agent.agent.rooms.spool.events(0, 1000);
  expect(events.filter(({ type }) => type === 'device.recognised')).toMatchObject([
    { data: { address: '127.0.0.21', profile: row?.profile, why: expect.stringContaining('sysDescr') } },
  ]);
  const [message] = await agent.agent.rooms.spool.list({ states: ['held'] }, { limit: 1, before: null });
  // By what was known when it connected: the greeting came after.
  expect(message?.head.device.profile).toMatch(/^ricoh\//);

  const approval = await client.call('devices.approve', { device: '127.0.0.21', by: 'test' });
  expect(approval).toMatchObject({ profile: row?.profile, released: 1 });
  expect(approval.id).toMatch(/^ricoh-.*-21$/);
  expect(await rowAt('127.0.0.21')).toMatchObject({ standing: 'approved', origin: 'given' });
});

test('what was measured stands beside the file, and outlives a restart', async () => {
  await start({ devices: ['{ id: copier, address: 127.0.0.21, profile: generic/implicit }'] });
  await send('127.0.0.21', 'anna@contoso.com', 'starttls');
  await arrivedFor(sandbox, 'anna@contoso.com');
  await restart(['{ id: copier, address: 127.0.0.21, profile: generic/implicit }']);
  const { overlay, measured } = await client.call('devices.show', { device: 'copier' });
  expect(measured).toMatchObject({ messages: 1, start: 'starttls', tls: { protocol: 'TLSv1' } });
  const row = (what: string) => overlay.find((one) => one.what === what);
  expect(row('start of TLS')).toMatchObject({ file: 'TLS at once', measured: 'STARTTLS, once in a row' });
  expect(row('TLS versions')?.measured).toBe('offers TLS 1.0; spoke TLS 1.0');
  expect(row('cipher suites')?.measured).toMatch(/^offers \d+, ECDHE-\S+ first; took ECDHE-RSA-AES256-SHA$/);
  expect(row('greeting')?.measured).toBe('EHLO RNP58387980F121');
  expect(row('repairs and habits')?.measured).toContain('date');
});

test.each([
  [{ device: 'nobody' }, 'devices.not-an-address'],
  [{ device: '127.0.0.9', profile: 'no/such' }, 'devices.unknown-profile'],
  [{ device: '127.0.0.9', id: 'Not Good' }, 'devices.bad-id'],
  [{ device: '127.0.0.9', id: 'copier' }, 'devices.id-taken'],
  [{ device: 'copier', profile: 'generic/plain' }, 'devices.in-config'],
])('approving %j says what is wrong, and changes nothing', async (request, code) => {
  await start({ devices: ['{ id: copier, address: 127.0.0.21 }'] });
  const before = await list();
  await expect(client.call('devices.approve', { ...request, by: 'test' })).rejects.toMatchObject({
    explanation: { code },
  });
  expect(await list()).toEqual(before);
});
