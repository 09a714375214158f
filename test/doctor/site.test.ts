/** The box side of a site: listeners, config, files, spool and broker, with a running agent and without one. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import type { DoctorLine, Group } from '../../src/doctor/types.ts';
import { scanFrom } from '../flows/support/upstream.ts';
import { runScanferry } from '../support/child-site.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { freePort, startProcess } from '../support/processes.ts';
import { type Site, siteYaml, startSite, startTenant } from '../support/site.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { type Bench, createBench, verdictsIn } from './bench.ts';

const textsOf = (lines: readonly DoctorLine[]) =>
  Object.fromEntries(lines.map(({ name, text }) => [name.replace(/^port \d+/, 'port N'), text]));

describe('a running agent', () => {
  let site: Site;
  const LISTENERS = [
    '{ address: 127.0.0.1, port: 0, tls: auto, floor: legacy }',
    '{ address: 127.0.0.1, port: 0, tls: implicit, floor: modern }',
    '{ address: 127.0.0.1, port: 0, tls: none }',
  ];
  const WEB = ['web: { address: 127.0.0.1, port: 0 }'];

  beforeAll(async () => {
    site = await startSite({ listeners: LISTENERS, more: WEB });
  });
  afterAll(() => site.stop());

  const control = () => createControlClient(path.join(site.agent.directory, 'data'));
  const look = async (...only: Group[]) => (await control().call('doctor', { only })).lines;

  test('shows its listeners, their certificate, and the TLS versions that each really offers', async () => {
    const lines = await look('listeners');
    expect(verdictsIn(lines)).toEqual([]);
    expect(lines.map(({ name, text }) => `${name.replace(/port \d+ on [\d.]+/, '')} ${text}`)).toEqual([
      ' answers: 220 scanferry.local ESMTP Scanferry',
      expect.stringMatching(
        /^: certificate for scanferry\.local and every address of this box, until \d{4}-/,
      ),
      ': TLS TLS 1.0, TLS 1.1, TLS 1.2, TLS 1.3',
      ' answers: 220 scanferry.local ESMTP Scanferry',
      expect.stringMatching(/^: certificate for scanferry\.local /),
      ': TLS TLS 1.2, TLS 1.3',
      ' answers: 220 scanferry.local ESMTP Scanferry',
      'page,  answers: HTTP/1.1 200 OK',
      expect.stringMatching(
        /^page, : certificate for scanferry\.local and every address of this box, until /,
      ),
      'page, : TLS TLS 1.2, TLS 1.3',
    ]);
  });

  test('tells lines while others are still being found out, and ends when nobody reads', async () => {
    for await (const { group } of control().diagnose({})) {
      expect(group).toBe('box');
      break;
    }
    expect((await look('spool')).length).toBeGreaterThan(0);
  });

  test('shows a spool that is durable, in order and empty', async () => {
    const lines = await look('spool');
    expect(verdictsIn(lines)).toEqual([]);
    expect(textsOf(lines)).toMatchObject({
      durability: expect.stringContaining('synchronous FULL'),
      integrity: 'every table and index in order',
      waiting: 'nothing waits',
    });
  });

  test('has a config that was changed and not applied, then one that is broken', async () => {
    const { addresses } = site;
    site.agent.rewrite(
      siteYaml(addresses, { listeners: LISTENERS, more: WEB, spool: 'minFreeBytes: 1048576' }),
    );
    expect(verdictsIn(await look('config'))).toEqual([['warn', 'file', 'doctor.config-not-applied']]);
    site.agent.rewrite('site: { id: Wrong Name }\n');
    const broken = await look('config');
    expect(new Set(verdictsIn(broken).map(([, , code]) => code))).toEqual(new Set(['doctor.config-error']));
    site.agent.rewrite(siteYaml(addresses, { listeners: LISTENERS, more: WEB }));
    expect(verdictsIn(await look('config'))).toEqual([]);
  });

  test('has a key that others may read', async () => {
    const key = path.join(site.agent.directory, 'data', 'box.key');
    chmodSync(key, 0o644);
    const lines = await look('config');
    chmodSync(key, 0o600);
    expect(verdictsIn(lines)).toEqual([['fail', 'file modes', 'doctor.file-open']]);
    expect(lines.at(-1)?.why?.advice).toBe(`Run \`chmod 600 ${key}\`.`);
  });

  test('has a route that was paused by hand, and says how it goes on', async () => {
    await control().call('routes.pause', { id: 'direct', by: 'the test' });
    await scanFrom(site.agent, { to: ['desk@contoso.com'] });
    const lines = await look('routes');
    await control().call('routes.resume', { id: 'direct', by: 'the test' });
    expect(verdictsIn(lines)).toEqual([['warn', 'direct: sending', 'doctor.route-paused']]);
    expect(lines.at(-1)?.why?.advice).toContain('scanferry routes resume direct');
  });
});

describe('without an agent', () => {
  let bench: Bench;
  let tenant: Awaited<ReturnType<typeof startTenant>>;

  beforeAll(async () => {
    tenant = await startTenant();
    bench = createBench({ 'ca.pem': tenant.addresses.caPem });
  });
  afterAll(async () => {
    bench.remove();
    await tenant.sandbox.stop();
  });

  const yamlWith = (options: Parameters<typeof siteYaml>[1]) => siteYaml(tenant.addresses, options);

  test('the ports are free for it, or taken by another program, which is named as the cause', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const taken = typeof address === 'object' ? address?.port : undefined;
    const ports = [await freePort('127.0.0.1'), taken];
    const lines = await bench.diagnose(
      yamlWith({
        listeners: ports.map((port) => `{ address: 127.0.0.1, port: ${port} }`),
        more: [`web: { address: 127.0.0.1, port: ${taken} }`],
      }),
      ['listeners'],
    );
    other.close();
    expect(verdictsIn(lines)).toEqual([
      ['warn', 'agent', 'doctor.agent-stopped'],
      ['fail', `port ${taken} on 127.0.0.1`, 'doctor.port-taken'],
      ['fail', `page, port ${taken} on 127.0.0.1`, 'doctor.port-taken'],
    ]);
    expect(lines.at(-1)?.why?.advice).toContain('another port in web.port');
  });

  test('a port below 1024 is not for an ordinary user, and an address of elsewhere for nobody', async () => {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65534);
    const own = createBench({ 'ca.pem': tenant.addresses.caPem });
    const lines = own.diagnose(
      yamlWith({ listeners: ['{ address: 127.0.0.1, port: 26 }', '{ address: 192.0.2.77, port: 2526 }'] }),
      ['listeners'],
    );
    const verdicts = await lines.then(verdictsIn).finally(() => isRoot && process.seteuid?.(0));
    own.remove();
    expect(verdicts.slice(1)).toEqual([
      ['warn', 'port 26 on 127.0.0.1', 'doctor.port-forbidden'],
      ['fail', 'port 2526 on 192.0.2.77', 'doctor.port-unusable'],
    ]);
  });

  test('a disk with less room than the spool must leave', async () => {
    const lines = await bench.diagnose(yamlWith({ spool: 'minFreeBytes: 1000000000000000' }), ['box']);
    expect(verdictsIn(lines)[0]).toEqual(['fail', 'disk', 'doctor.disk-low']);
  });

  test('a disk that is nearly full, in one line and not in two that contradict each other', async () => {
    const disk = await mountSmallDisk('4m');
    try {
      const own = createBench({ 'ca.pem': tenant.addresses.caPem }, { directory: disk.folder });
      const lines = await own.diagnose(yamlWith({ spool: 'minFreeBytes: 1' }), ['box']);
      expect(lines.filter(({ name }) => name === 'disk')).toEqual([
        expect.objectContaining({
          grade: 'fail',
          text: '4 MB of 4 MB free',
          why: expect.objectContaining({ code: 'health.disk-low' }),
        }),
      ]);
      expect(lines.find(({ name }) => name === 'storage')?.grade).toBe('ok');
    } finally {
      await disk.remove();
    }
  });

  test('a config with a secret in plain text, in a file that others may change', async () => {
    const more = ["mqtt: { url: 'mqtt://127.0.0.1', password: open }"];
    await bench.diagnose(yamlWith({ more }), ['config']);
    chmodSync(path.join(bench.directory, 'scanferry.yaml'), 0o666);
    const lines = await bench.diagnose(yamlWith({ more }), ['config']);
    chmodSync(path.join(bench.directory, 'scanferry.yaml'), 0o644);
    expect(verdictsIn(lines)).toEqual([
      ['warn', 'file', 'doctor.config-warning'],
      ['warn', 'file modes', 'doctor.config-writable'],
    ]);
  });

  test('there is no spool yet, which is well', async () => {
    const lines = await bench.diagnose(yamlWith({}), ['spool']);
    expect(lines.map(({ grade, text }) => [grade, text])).toEqual([
      ['ok', 'none yet; the first start makes it'],
    ]);
  });

  test('a config that is wrong is told also where only what needs it was asked for', async () => {
    const lines = await bench.diagnose('site: { id: Wrong Name }\n', ['network', 'routes']);
    expect(lines.map(({ group, why }) => `${group} ${why?.code}`)).toContain('config doctor.config-error');
  });

  test('a config that is wrong is told line by line, with everything that needs none', async () => {
    const lines = await bench.diagnose('site: { id: Wrong Name }\nroutes: [{ id: x, kind: pigeon }]\n');
    expect(new Set(lines.map(({ group }) => group))).toEqual(new Set(['box', 'config']));
    const causes = lines
      .filter(({ why }) => why?.code === 'doctor.config-error')
      .map(({ why }) => why?.cause);
    expect(causes).toHaveLength(2);
    expect(causes[0]).toMatch(/scanferry\.yaml:2: error: site\.id: /);
  });

  test.each([
    ['lets the site in', 'box', 'ok', undefined],
    ['refuses its password', 'wrong', 'fail', 'mqtt.not-authorized'],
  ] as const)('a broker that %s is tried once', async (_, password, grade, code) => {
    const broker = await startMosquitto({ passwords: { site: 'box' } });
    const more = [`mqtt: { url: '${broker.url}', password: { env: MQTT } }`];
    const [line] = await bench.diagnose(yamlWith({ more }), ['broker'], { MQTT: password });
    await broker.stop();
    expect([line?.grade, line?.why?.code]).toEqual([grade, code]);
  });

  test('a broker that is not there is named', async () => {
    const more = [`mqtt: { url: 'mqtt://127.0.0.1:${await freePort('127.0.0.1')}' }`];
    const lines = await bench.diagnose(yamlWith({ more }), ['broker']);
    expect(lines.map(({ why }) => why?.code)).toEqual(['mqtt.unreachable']);
  });
});

test('a listener that this box is no device of is not reported as faulty', async () => {
  const site = await startSite({
    listeners: ['{ address: 127.0.0.1, port: 0 }', '{ address: 127.0.0.1, port: 0, tls: implicit }'],
    intake: [],
    devices: ['{ id: copier, address: 192.0.2.9 }'],
  });
  try {
    const client = createControlClient(path.join(site.agent.directory, 'data'));
    const { lines } = await client.call('doctor', { only: ['listeners'] });
    expect(verdictsIn(lines)).toEqual([]);
    expect(lines.map(({ name, text }) => `${name.replace(/port \d+ on [\d.]+/, '')} ${text}`)).toEqual([
      ' turns 127.0.0.1 away as no device of yours, so only a device can see its TLS',
      ' turns 127.0.0.1 away as no device of yours, so only a device can see its TLS',
    ]);

    // As an approval does: the devices in force count, and not those of the config alone.
    site.agent.agent.rooms.intake.replaceDevices([{ id: 'approved', address: '127.0.0.1' }]);
    const later = await client.call('doctor', { only: ['listeners'] });
    expect(later.lines.map(({ text }) => text)).toContain('TLS 1.0, TLS 1.1, TLS 1.2, TLS 1.3');
  } finally {
    await site.stop();
  }
});

test('a broker that hangs up on each try is told, by the program too', async () => {
  const broker = createServer((socket) => socket.on('error', () => {}).destroy());
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const { port } = broker.address() as AddressInfo;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-doctor-'));
  const config = path.join(folder, 'scanferry.yaml');
  writeFileSync(
    config,
    `dataDir: data\nsite: { id: site }\nmqtt: { url: 'mqtt://127.0.0.1:${port}' }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`,
  );
  try {
    // Between the two versions of MQTT nothing but a timer is left to wait for.
    const { code, stdout } = await runScanferry(['doctor', '--only', 'broker', '--config', config]);
    expect(stdout).toContain(`FAIL  127.0.0.1:${port}: no connection`);
    expect(stdout).toMatch(/\n1 failed, 0 ok\.\n$/);
    expect(code).toBe(1);
  } finally {
    broker.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

const HOLD = `
import sqlite3, sys, time
sqlite3.connect(sys.argv[1], isolation_level=None).execute('BEGIN EXCLUSIVE')
print('held', flush=True)
time.sleep(600)
`;

test('the spool of a stopped agent is looked through, and one that is locked or damaged is told', async () => {
  const site = await startSite();
  await scanFrom(site.agent, { to: ['desk@contoso.com'] });
  await site.agent.settled(1);
  await site.agent.stop({ keep: true });
  const bench = createBench({}, { directory: site.agent.directory });
  const look = () => bench.diagnose(siteYaml(site.addresses), ['spool']);
  expect(verdictsIn(await look())).toEqual([]);

  // Any program that holds the file, such as a backup of somebody else.
  const holder = startProcess('python3', ['-c', HOLD, path.join(bench.directory, 'data', 'spool.db')]);
  await holder.waitForLine(/^held$/);
  const config = path.join(bench.directory, 'scanferry.yaml');
  const { code, stdout, stderr } = await runScanferry(['doctor', '--only', 'spool', '--config', config]);
  const locked = await look();
  await holder.stop();
  expect(verdictsIn(locked)).toEqual([['fail', 'spool', 'spool.in-use']]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(
    /^Spool\n {2}FAIL {2}spool: could not be looked at\n {8}The spool \S+ is open in another/,
  );
  expect(stdout).toMatch(/\n1 failed, 0 ok\.\n$/);

  writeFileSync(path.join(bench.directory, 'data', 'spool.db'), Buffer.alloc(64 * 1024, 0x5a));
  expect(verdictsIn(await look())).toEqual([['fail', 'integrity', 'doctor.spool-damaged']]);
  bench.remove();
  await site.sandbox.stop();
});
