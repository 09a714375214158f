/** The program finds a simulated /24 of real agents: snmpd, ippeveprinter and avahi, beside a hundred further answers. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FoundDevice, SearchSummary } from '../../src/discovery/types.ts';
import { bundleFile } from '../support/bundle.ts';
import { announcedDevice, BOX, ippDevice, NETWORK, snmpDevice, startVlan, type Vlan } from './vlan.ts';

/** Ends a search that hangs; how long one takes is printed, not asserted. */
const HANG_MS = 110_000;
const CROWD = { first: 100, count: 100 };

let vlan: Vlan;
let bundle: string;
beforeAll(async () => {
  bundle = await bundleFile();
  vlan = await startVlan();
  const agents = [
    {
      ...{ address: '192.168.50.21', mac: '00:26:73:00:00:21', name: 'copier-2f' },
      sysDescr: 'RICOH MP C2503 1.35 / RICOH Network Printer C model / RICOH Network Scanner C model',
      sysObjectId: '1.3.6.1.4.1.367.1.1',
      values: { '.1.3.6.1.4.1.367.3.2.1.1.1.1.0': 'MP C2503' },
    },
    {
      ...{ address: '192.168.50.22', mac: '88:87:17:00:00:22', name: 'copier-3f' },
      sysDescr: 'Canon iR-ADV C5235 /P',
      sysObjectId: '1.3.6.1.4.1.1602.4.7',
    },
    {
      ...{ address: '192.168.50.23', mac: '00:00:aa:00:00:23', name: 'workcentre' },
      sysDescr: 'Xerox WorkCentre 7535; System Software 061.121.225.22300, ESS 061.120.21602',
      sysObjectId: '1.3.6.1.4.1.253.8.62.1.1',
    },
    {
      ...{ address: '192.168.50.24', mac: '08:00:37:00:00:24', name: 'apeosport' },
      sysDescr: 'FUJI XEROX ApeosPort-IV 3070; ESS 1.101.9',
      sysObjectId: '1.3.6.1.4.1.297.1.11.93.1.16.1',
    },
    {
      ...{ address: '192.168.50.25', mac: '00:c0:b7:00:00:25', name: 'ups-rack-1' },
      sysDescr:
        'APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.4.6 PN:apc_hw05_aos_646.bin AF1:v6.4.6 MN:AP9631 HR:05)',
      sysObjectId: '1.3.6.1.4.1.318.1.3.27',
    },
    {
      ...{ address: '192.168.50.30', mac: '52:54:00:00:00:30', name: 'fileserver' },
      sysDescr: 'Linux fileserver 6.1.0 x86_64',
      sysObjectId: '1.3.6.1.4.1.8072.3.2.10',
    },
  ];
  await Promise.all([
    ...agents.map((about) => vlan.add(...snmpDevice(vlan, about))),
    vlan.add(
      ...ippDevice(vlan, {
        ...{ address: '192.168.50.26', mac: '00:1b:a9:00:00:26', host: 'BRN001BA9000026' },
        ...{ make: 'Brother', model: 'MFC-J5320DW' },
      }),
    ),
    vlan.add(
      ...announcedDevice(vlan, {
        ...{
          address: '192.168.50.27',
          mac: '00:17:c8:00:00:27',
          host: 'KM000027',
          ty: 'Kyocera ECOSYS M2040dn',
        },
      }),
    ),
    vlan.add(
      {
        ...{ address: '192.168.50.99', mac: '00:26:73:00:00:99' },
        script: `exec ${process.execPath} ${path.join(import.meta.dirname, 'crowd.ts')} ${CROWD.first} ${CROWD.count}`,
      },
      /^ready$/,
    ),
  ]);
}, HANG_MS);
afterAll(() => vlan?.stop());

const EXPECTED: [address: string, profile: string, model: string | null, firmware: string | null][] = [
  ['192.168.50.21', 'ricoh/mp-c2503', 'MP C2503', '1.35'],
  ['192.168.50.22', 'canon/ir', 'iR-ADV C5235', null],
  ['192.168.50.23', 'xerox/workcentre', 'WorkCentre 7535', '061.121.225.22300'],
  ['192.168.50.24', 'fuji-xerox/apeosport-iv', 'ApeosPort-IV 3070', '1.101.9'],
  ['192.168.50.25', 'apc/nmc2', 'AP9631', '6.4.6'],
  ['192.168.50.26', 'brother/mfc', 'MFC-J5320DW', null],
  ['192.168.50.27', 'kyocera/taskalfa', 'ECOSYS M2040dn', null],
];

describe('without an agent and without a config', () => {
  let devices: FoundDevice[] = [];
  let summary: SearchSummary;
  beforeAll(async () => {
    const { code, stdout, stderr } = await vlan.atBox(
      process.execPath,
      [bundle, 'discover', '--network', NETWORK, '--all', '--json', '--data', path.join(vlan.folder, 'none')],
      HANG_MS,
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    ({ devices, summary } = JSON.parse(stdout));
    console.log(
      `${summary.asked} addresses, ${summary.devices} devices in ${(summary.tookMs / 1000).toFixed(1)} s`,
    );
  }, HANG_MS);

  test.each(EXPECTED)('%s is %s', (address, profile, model, firmware) => {
    const found = devices.find((device) => device.address === address);
    expect(found, JSON.stringify(found?.signals)).toMatchObject({
      verdict: 'identified',
      profile,
      model,
      firmware,
    });
    expect(found?.why).toMatch(/^It is .*, because /);
    expect(found?.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  });

  test('a computer that answers SNMP is no device, and is told apart', () => {
    const found = devices.find(({ address }) => address === '192.168.50.30');
    expect(found).toMatchObject({ isDevice: false, profile: null, verdict: 'unknown' });
  });

  test('a source says what to do about old firmware', () => {
    const advice = (address: string) =>
      devices.find((device) => device.address === address)?.advice.join() ?? '';
    expect(advice('192.168.50.23')).toMatch(/^Update its firmware/);
    expect(advice('192.168.50.24')).toContain('has no TLS for mail');
    expect(advice('192.168.50.22')).toBe('');
  });

  test('every one of a hundred further agents is found, and nobody asked twice', () => {
    const crowd = devices.filter(({ address }) => Number(address.split('.')[3]) >= CROWD.first);
    expect(crowd).toHaveLength(CROWD.count);
    expect(crowd.every(({ profile, model }) => profile === 'sharp/mx' && model === 'MX-3570N')).toBe(true);
    expect(new Set(devices.map(({ address }) => address)).size).toBe(devices.length);
    expect(summary).toMatchObject({ asked: 254, isComplete: true, devices: EXPECTED.length + CROWD.count });
  });
});

describe('with a running agent', () => {
  let config: string;
  const scanferry = (...args: string[]) =>
    vlan.atBox(process.execPath, [bundle, ...args, '--config', config]);
  beforeAll(async () => {
    config = path.join(vlan.folder, 'scanferry.yaml');
    writeFileSync(
      config,
      `site: { id: berlin-hq }
dataDir: data
intake: { listeners: [{ address: ${BOX}, port: 2525 }], trustedNetworks: [${NETWORK}] }
discovery: { networks: [192.168.50.20/30] }
devices: [{ id: copier-2f, address: 192.168.50.21, profile: ricoh/mp-c2503 }]
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`,
    );
    const agent = vlan.startAtBox(process.execPath, [bundle, 'run', '--config', config]);
    await agent.waitForLine(/"event":"agent\.started"/, HANG_MS);
    return () => agent.stop();
  }, HANG_MS);

  test(
    'only its networks are asked, the table shows each device as found, and what was found is kept',
    async () => {
      const { code, stdout, stderr } = await scanferry('discover');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      console.log(stdout);
      const lines = stdout.split('\n');
      expect(lines[0]).toMatch(/^ADDRESS +DEVICE +PROFILE +FIRMWARE +IN THE CONFIG$/);
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
      expect(stdout).toMatch(/^192\.168\.50\.21 +MP C2503 +ricoh\/mp-c2503 +1\.35 +copier-2f$/m);
      expect(stdout).toMatch(/^ {4}It is ricoh\/mp-c2503, because /m);
      expect(stdout).not.toContain('192.168.50.25');
      expect(stdout).toMatch(/^2 addresses asked in \d+ s: 2 answered, 2 devices\.$/m);

      const known = await scanferry('discover', '--known', '--json');
      expect(JSON.parse(known.stdout)).toMatchObject([
        { device: { address: '192.168.50.21', mac: '00:26:73:00:00:21', configuredAs: 'copier-2f' } },
        { device: { address: '192.168.50.22', profile: 'canon/ir' } },
      ]);
    },
    HANG_MS,
  );

  test('a network beyond the configured ones is refused, and nobody there is asked', async () => {
    const { code, stderr } = await scanferry('discover', '--network', '192.168.50.0/24');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^scanferry: 192\.168\.50\.0\/24 is not a part of the networks that may be searched/,
    );
  });
});
