/** A device whose sessions are refused, as `scanferry devices show` tells it, through the whole agent. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DeviceDetail } from '../../src/devices/types.ts';
import { explain, type ReplyCode } from '../../src/intake/replies.ts';
import { type ScanOptions, sendScan } from '../../src/sandbox/device.ts';
import type { Sandbox, SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { cliRun } from '../support/cli.ts';
import { poll } from '../support/poll.ts';
import { siteYaml, startTenant } from '../support/site.ts';

const COPIER = '127.0.0.21';
const STRANGER = '127.0.0.22';
const OUTSIDE = '127.0.1.23';

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

const STRICT = ['trustedNetworks: [127.0.0.0/24]', 'unknownDevices: reject', 'recipients: [contoso.com]'];
const BY_ADDRESS = `{ id: copier, address: ${COPIER} }`;
const BY_LOGIN = '{ id: copier, login: { user: copier, password: { env: PASSWORD } } }';

async function start(device: string, directory?: string): Promise<TestAgent> {
  agent = await startTestAgent({
    yaml: siteYaml(addresses, { intake: STRICT, devices: [device] }),
    files: { 'ca.pem': addresses.caPem },
    env: { PASSWORD: 'right' },
    ...(directory === undefined ? {} : { directory }),
  });
  return agent;
}

function send({ port }: TestAgent, localAddress: string, more: Partial<ScanOptions> = {}) {
  return sendScan({
    connect: { host: '127.0.0.1', port: port(), localAddress },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: ['anna@contoso.com'],
    message: Buffer.from('Subject: scan\r\n\r\npages\r\n'),
    ...more,
  });
}

const cli = ({ directory }: TestAgent, ...argv: string[]) =>
  cliRun(['--data', `${directory}/data`, ...argv], { width: 80 });

/** What the command says of the device; the event of a refusal is written behind the reply to it. */
async function shown(from: TestAgent, device: string, code: ReplyCode): Promise<DeviceDetail> {
  return poll(async () => {
    const { json } = await cli(from, '--json', 'devices', 'show', device);
    return (json as Partial<DeviceDetail>).refusal?.code === code ? (json as DeviceDetail) : null;
  }, `${device} is shown with ${code}`);
}

test('the latest refusal is told with the time, the cause and what to do, also after a restart', async () => {
  const first = await start(BY_ADDRESS);
  expect((await cli(first, 'devices', 'show', 'copier')).text).not.toContain('Refused');
  const before = Date.now();
  expect((await send(first, COPIER, { to: ['otto@fabrikam.com'] })).accepted).toBe(false);
  const { cause, advice } = explain('intake.recipient-not-allowed');
  const { refusal } = await shown(first, 'copier', 'intake.recipient-not-allowed');
  expect(refusal).toMatchObject({ cause, advice, isOver: false });
  expect(refusal?.at).toBeGreaterThanOrEqual(before - 1000);
  const { text } = await cli(first, 'devices', 'show', 'copier');
  expect(text.replace(/\s+/g, ' ')).toMatch(/ Refused \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: Mail to this /);
  expect(text.replace(/\s+/g, ' ')).toContain(`: ${cause} ${advice} Held nothing`);

  await first.stop({ keep: true });
  const second = await start(BY_ADDRESS, first.directory);
  expect((await shown(second, 'copier', 'intake.recipient-not-allowed')).refusal).toEqual(refusal);
});

test('a message that was accepted since is told with it', async () => {
  const site = await start(BY_ADDRESS);
  await send(site, COPIER, { to: ['otto@fabrikam.com'] });
  await shown(site, 'copier', 'intake.recipient-not-allowed');
  expect((await send(site, COPIER)).accepted).toBe(true);
  const { refusal } = await shown(site, 'copier', 'intake.recipient-not-allowed');
  expect(refusal?.isOver).toBe(true);
  const { text } = await cli(site, 'devices', 'show', 'copier');
  expect(text.replace(/\s+/g, ' ')).toContain('A message of it was accepted since. Held');
});

test('an unknown device is told by its address, also where it was turned away at the door', async () => {
  const site = await start(BY_ADDRESS);
  await send(site, STRANGER);
  await send(site, OUTSIDE).catch(() => null);
  expect(await shown(site, STRANGER, 'intake.device-unknown')).toMatchObject({ id: null, standing: 'seen' });
  expect(await shown(site, OUTSIDE, 'intake.network-not-trusted')).toMatchObject({
    ...{ id: null, standing: 'seen', lastSeenAt: null },
  });
  expect(await cli(site, 'devices', 'show', '127.0.0.24')).toMatchObject({ code: 1 });
  const { json } = await cli(site, '--json', 'devices', 'list');
  expect(json).not.toContainEqual(expect.objectContaining({ address: OUTSIDE }));
});

test('a wrong password is told of the device that sent from there by its login', async () => {
  const site = await start(BY_LOGIN);
  const signIn = (password: string) =>
    send(site, STRANGER, { tls: 'starttls', auth: { mechanism: 'LOGIN', user: 'copier', password } });
  expect((await signIn('right')).accepted).toBe(true);
  await signIn('wrong').catch(() => null);
  expect((await shown(site, 'copier', 'intake.sign-in-refused')).refusal).toMatchObject(
    explain('intake.sign-in-refused'),
  );
});
