/** A reload of the config on a running agent: nothing is dropped, and a bad config leaves the old one in force. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createSandbox, type Sandbox, type SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { startTestAgent, type TestAgent } from '../support/agent.ts';
import { freePort, startProcess } from '../support/processes.ts';
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

interface Settings {
  site?: string;
  devices?: string;
  listeners?: string;
  unknownDevices?: string;
  routes?: string;
  more?: string;
}

const LISTENER = '{ address: 127.0.0.1, port: 0, tls: none }';

function yaml(settings: Settings = {}): string {
  const { domain, port } = addresses.mx;
  const direct = `{ id: direct, kind: direct-send, domain: ${domain}, port: ${port}, ca: ca.pem }`;
  return `site: { id: ${settings.site ?? 'reload'} }
dns: { servers: ['${addresses.dns.address}:${addresses.dns.port}'] }
intake:
  listeners: [${settings.listeners ?? LISTENER}]
  trustedNetworks: [127.0.0.0/8]
  unknownDevices: ${settings.unknownDevices ?? 'reject'}
spool: { minFreeBytes: 0 }
devices: [${settings.devices ?? '{ id: copier-2f, address: 127.0.0.1 }'}]
routes: [${settings.routes ?? direct}]
${settings.more ?? ''}`;
}

async function start(settings: Settings = {}): Promise<TestAgent> {
  agent = await startTestAgent({ yaml: yaml(settings), files: { 'ca.pem': addresses.caPem } });
  return agent;
}

interface Device {
  /** Sends a line, unless it is null, and resolves with the last line of the reply. */
  say(line: string | null): Promise<string>;
  /** Sends text that gets no reply. */
  send(text: string): void;
  close(): Promise<void>;
}

async function connect(port: number, from = '127.0.0.1'): Promise<Device> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const device: Device = {
    async say(line) {
      if (line !== null) socket.write(`${line}\r\n`);
      for (;;) {
        const { value, done } = await lines.next();
        if (done) return 'closed';
        if (/^\d{3} /.test(value)) return value;
      }
    },
    send: (text) => void socket.write(text),
    async close() {
      socket.destroy();
      if (!socket.closed) await once(socket, 'close');
    },
  };
  await device.say(null);
  await device.say('EHLO copier');
  return device;
}

async function beginMessage(device: Device): Promise<void> {
  await device.say('MAIL FROM:<scan@contoso.com>');
  await device.say('RCPT TO:<anna@contoso.com>');
  expect(await device.say('DATA')).toMatch(/^354/);
  device.send('Subject: first half\r\n\r\nThe first half.\r\n');
}

describe('a good new config', () => {
  it('drops no connection: a message in the middle of DATA arrives under the policy it began with', async () => {
    const site = await start();
    const device = await connect(site.port());
    await beginMessage(device);
    // The device is not known any more, its port is closed, and the way out is another.
    const { domain, port } = addresses.mx;
    const second = `{ id: second, kind: direct-send, domain: ${domain}, port: ${port}, ca: ca.pem }`;
    const listeners = '{ address: 127.0.0.2, port: 0, tls: none }';
    site.rewrite(yaml({ devices: '', listeners, routes: second }));
    const report = await site.agent.reload('test');
    expect(report.changed).toEqual(['devices', 'intake', 'routes', 'routing']);

    device.send('The second half.\r\n');
    expect(await device.say('.')).toMatch(/^250 /);
    const [message] = await site.settled(1);
    expect(message?.head.device.id).toBe('copier-2f');
    expect(message?.attempts[0]?.routeId).toBe('second');
    const [arrived] = await sandbox.waitForMessages(1);
    expect(arrived?.body?.toString()).toContain('The first half.\r\nThe second half.\r\n');
    await device.close();
  });

  it('makes a new device known at once, and its session goes on with what it knew', async () => {
    const site = await start({ devices: '' });
    const before = await connect(site.port());
    site.rewrite(yaml());
    await site.agent.reload('test');
    const after = await connect(site.port());
    expect(await after.say('MAIL FROM:<scan@contoso.com>')).toMatch(/^250 /);
    expect(await before.say('MAIL FROM:<scan@contoso.com>')).toMatch(/^550 /);
    await Promise.all([before.close(), after.close()]);
  });

  it('takes a new login at once and an old one no longer', async () => {
    const devices = (password: string) => `{ id: copier-2f, login: { user: copier, password: ${password} } }`;
    const site = await start({ devices: devices('old-word') });
    const signIn = async (password: string): Promise<string> => {
      const device = await connect(site.port());
      const token = Buffer.from(`\0copier\0${password}`).toString('base64');
      const reply = await device.say(`AUTH PLAIN ${token}`);
      await device.close();
      return reply.slice(0, 3);
    };
    expect(await signIn('old-word')).toBe('235');
    site.rewrite(yaml({ devices: devices('new-word') }));
    expect((await site.agent.reload('test')).changed).toEqual(['devices']);
    expect([await signIn('old-word'), await signIn('new-word')]).toEqual(['535', '235']);
  });

  it('opens new ports, closes those that are gone, and leaves the others open', async () => {
    const site = await start({ listeners: `${LISTENER}, { address: 127.0.0.3, port: 0, tls: none }` });
    const [kept, gone] = site.started.listeners;
    const onGone = net.connect({ port: gone?.port ?? 0, host: '127.0.0.3' });
    await once(onGone, 'data');
    site.rewrite(yaml({ listeners: `{ address: 127.0.0.4, port: 0, tls: auto }, ${LISTENER}` }));
    const { listeners } = await site.agent.reload('test');
    expect(listeners).toEqual([
      { address: '127.0.0.4', port: expect.any(Number), tls: 'auto' },
      { address: '127.0.0.1', port: kept?.port, tls: 'none' },
    ]);
    const refused = net.connect({ port: gone?.port ?? 0, host: '127.0.0.3' });
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    onGone.write('QUIT\r\n');
    expect(String(await once(onGone, 'data'))).toMatch(/^221/);
    onGone.destroy();
  });

  it('moves a port to another address, and changes how a listener speaks TLS while it stays open', async () => {
    const site = await start();
    const port = site.port();
    site.rewrite(yaml({ listeners: `{ address: 0.0.0.0, port: ${port}, tls: none }` }));
    await site.agent.reload('test');
    site.rewrite(yaml({ listeners: `{ address: 0.0.0.0, port: ${port}, tls: starttls }` }));
    await site.agent.reload('test');
    const device = await connect(port);
    expect(await device.say('STARTTLS')).toMatch(/^220/);
    await device.close();
  });

  it('opens, moves and closes the page of the box', async () => {
    const site = await start();
    const isOpen = async (port: number, host: string): Promise<boolean> => {
      const socket = net.connect({ port, host });
      const isConnected = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return isConnected;
    };
    const port = await freePort('127.0.0.5');
    const states: boolean[] = [];
    for (const address of ['127.0.0.5', '127.0.0.6', null]) {
      site.rewrite(yaml({ more: address === null ? '' : `web: { address: ${address}, port: ${port} }` }));
      await site.agent.reload('test');
      states.push(await isOpen(port, '127.0.0.5'), await isOpen(port, '127.0.0.6'));
    }
    expect(states).toEqual([true, false, false, true, false, false]);
  });

  it('is where the next search for devices looks', async () => {
    const site = await start({ more: 'discovery: { networks: [127.0.7.0/30] }' });
    const client = createControlClient(`${site.directory}/data`);
    site.rewrite(yaml({ more: 'discovery: { networks: [127.0.8.0/30] }' }));
    await site.agent.reload('test');
    await expect(client.call('discover', { network: '127.0.7.0/30' })).rejects.toMatchObject({
      explanation: { code: 'discovery.not-configured', cause: expect.stringContaining('127.0.8.0/30') },
    });
  });

  it('is recorded, also when nothing has changed', async () => {
    const site = await start();
    expect((await site.agent.reload('test')).changed).toEqual([]);
    site.rewrite(yaml({ unknownDevices: 'hold' }));
    await site.agent.reload('kim');
    const events = await site.agent.rooms.spool.events(0, 100);
    expect(events.filter(({ type }) => type === 'config.applied').map(({ data }) => data)).toEqual([
      { by: 'test', changed: [] },
      { by: 'kim', changed: ['intake'] },
    ]);
  });

  it('is applied twice in order when two ask at once', async () => {
    const site = await start();
    site.rewrite(yaml({ unknownDevices: 'hold' }));
    const reports = await Promise.all([site.agent.reload('one'), site.agent.reload('two')]);
    expect(reports.map(({ changed }) => changed)).toEqual([['intake'], []]);
  });
});

describe('a bad new config', () => {
  it.each([
    ['can not be read', () => 'site: [', 'config.invalid', 'scanferry.yaml'],
    [
      'is wrong',
      () => yaml({ unknownDevices: 'perhaps' }),
      'config.invalid',
      'expected one of accept, hold, reject',
    ],
    ['names another site', () => yaml({ site: 'other' }), 'config.needs-restart', 'site.id'],
    [
      'wants a port that can not be had',
      () => yaml({ devices: '', listeners: `${LISTENER}, { address: 203.0.113.1, port: 2525 }` }),
      'intake.port-unavailable',
      'EADDRNOTAVAIL',
    ],
    [
      'wants a page that can not be had',
      () =>
        yaml({
          devices: '',
          listeners: '{ address: 127.0.0.9, port: 0 }',
          more: 'web: { address: 203.0.113.1, port: 4443 }',
        }),
      'web.port-taken',
      '203.0.113.1',
    ],
  ])('that %s leaves the old one in force and says why', async (_name, text, code, cause) => {
    const port = await freePort();
    const site = await start({ listeners: `{ address: 127.0.0.1, port: ${port}, tls: none }` });
    const device = await connect(port);
    await beginMessage(device);
    site.rewrite(text());
    const client = createControlClient(`${site.directory}/data`);
    const refusal = { exitCode: 2, explanation: { code, cause: expect.stringContaining(cause) } };
    await expect(client.call('reload', { by: 'kim' })).rejects.toMatchObject(refusal);
    await expect(client.call('reload', { by: 'kim' })).rejects.toMatchObject({
      explanation: { advice: expect.stringContaining('goes on with the config it has') },
    });

    expect(await device.say('.')).toMatch(/^250 /);
    const again = await connect(port);
    expect(await again.say('MAIL FROM:<scan@contoso.com>')).toMatch(/^250 /);
    await site.settled(1);
    await Promise.all([device.close(), again.close()]);
  });

  it('leaves the page of the box under its name, also when the name was to change with its place', async () => {
    const port = await freePort('127.0.0.5');
    const site = await start({ more: `web: { address: 127.0.0.5, port: ${port} }` });
    const namesShown = async (): Promise<string | undefined> => {
      const socket = tls.connect({ host: '127.0.0.5', port, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const names = socket.getPeerCertificate().subjectaltname;
      socket.destroy();
      return names;
    };
    const before = await namesShown();
    expect(before).toContain('DNS:scanferry.local');
    const named = yaml({ more: 'web: { address: 203.0.113.1, port: 4443 }' });
    site.rewrite(named.replace('intake:\n', 'intake:\n  hostname: other.contoso.com\n'));
    await expect(site.agent.reload('test')).rejects.toMatchObject({
      explanation: { code: 'web.port-taken' },
    });
    expect(await namesShown()).toBe(before);
  });

  it('is refused without an agent to apply it to', async () => {
    const site = await start();
    await site.agent.stop();
    await expect(site.agent.reload('test')).rejects.toMatchObject({
      explanation: { code: 'config.not-running' },
    });
  });
});

describe('SIGHUP', () => {
  it('applies a good config, refuses a bad one, and the process goes on', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'scanferry-hangup-'));
    const file = path.join(directory, 'scanferry.yaml');
    const write = (text: string) => writeFileSync(file, `dataDir: data\n${text}`);
    writeFileSync(path.join(directory, 'ca.pem'), addresses.caPem);
    write(yaml());
    const main = path.resolve('src/main.ts');
    const child = startProcess(process.execPath, [main, 'run', '--config', file], {
      env: { NODE_OPTIONS: '' },
    });
    try {
      await child.waitForLine(/"event":"agent.started"/);
      write(yaml({ unknownDevices: 'hold' }));
      child.signal('SIGHUP');
      await child.waitForLine(/"by":"SIGHUP","changed":\["intake"\].*"event":"config.applied"/);
      write(yaml({ unknownDevices: 'perhaps' }));
      child.signal('SIGHUP');
      await child.waitForLine(/"code":"config.invalid".*"event":"config.refused"/);
      expect(await createControlClient(`${directory}/data`).call('status', {})).toMatchObject({
        site: 'reload',
      });
      child.signal('SIGTERM');
      expect((await child.waitForExit()).code).toBe(0);
    } finally {
      await child.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
