/** `scanferry discover` where no agent runs: what it prints of a search, and what it ends with. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createJudge } from '../../src/discovery/judge.ts';
import type { DiscoveryStep, FoundDevice, SearchSummary } from '../../src/discovery/types.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import type { DeviceSignals } from '../../src/profiles/signals.ts';
import { cliRun } from '../support/cli.ts';

const judge = createJudge(builtInCatalogue());
const SUMMARY = { asked: 254, answered: 3, devices: 2, tookMs: 23_400, isComplete: true };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-discover-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function device(address: string, signals: DeviceSignals, more: Partial<FoundDevice> = {}): FoundDevice {
  const nobody = { mac: null, maker: null, names: [], configuredAs: null, foundBy: ['snmp v2c'] };
  return { ...judge.identify(signals), ...nobody, address, signals, isDevice: true, ...more };
}

const XEROX = device('192.168.50.23', {
  snmpSysDescr: 'Xerox WorkCentre 7535; System Software 061.121.225.22300, ESS 061.120.21602',
  snmpSysObjectId: '1.3.6.1.4.1.253.8.62.1.1',
});
const UNKNOWN = device('192.168.50.24', {}, { model: 'Plotter '.repeat(12), foundBy: ['ipp'] });
const COMPUTER = device('192.168.50.30', {}, { isDevice: false, names: ['fileserver'] });

function discover(
  argv: string[],
  devices: FoundDevice[],
  summary: Partial<SearchSummary> = {},
  width?: number,
) {
  const searchAlone = async function* (): AsyncGenerator<DiscoveryStep> {
    yield { step: 'progress', asked: 127, of: 254 };
    for (const one of devices) yield { step: 'found', device: one };
    yield { step: 'done', ...SUMMARY, ...summary };
  };
  return cliRun(['discover', '--data', folder, ...argv], {
    searchAlone,
    ...(width === undefined ? {} : { width }),
  });
}

describe('the table', () => {
  test.each([undefined, 60, 80, 200])(
    'fits a terminal of %s columns, and never cuts an address',
    async (width) => {
      const { code, text } = await discover([], [XEROX, UNKNOWN], {}, width);
      expect(code).toBe(0);
      for (const line of text.split('\n'))
        expect(line.length, line).toBeLessThanOrEqual(Math.min(width ?? 100, 100));
      expect(text).toMatch(/^192\.168\.50\.23 /m);
      expect(text).toMatch(/^ {4}It is xerox\/workcentre, because /m);
      expect(text).toMatch(/^ {4}Update its firmware/m);
    },
  );

  test('leaves out what is no device, and says how to see it', async () => {
    const { text } = await discover([], [XEROX, COMPUTER]);
    expect(text).not.toContain('fileserver');
    expect(text).toContain(
      '254 addresses asked in 23 s: 3 answered, 2 devices.\n1 that answered is no such device',
    );
    expect((await discover(['--all'], [XEROX, COMPUTER])).text).toMatch(/^192\.168\.50\.30 +fileserver +- /m);
  });

  test('names the next step for a device that the config does not know', async () => {
    const { text } = await discover([], [XEROX]);
    expect(text).toContain('`scanferry sheet xerox/workcentre` prints what to enter at 192.168.50.23.');
    const known = { ...XEROX, configuredAs: 'copier-2f' };
    expect((await discover([], [known])).text).not.toContain('scanferry sheet');
  });
});

test('a network where nobody is ends with 1 and says what to look at', async () => {
  const { code, text } = await discover([], [], { answered: 0, devices: 0 });
  expect(code).toBe(1);
  expect(text).toContain('No device was found. See that the network is right');
});

test('a search that was ended early ends with 1 and says so', async () => {
  const { code, text } = await discover([], [XEROX], { asked: 1, isComplete: false });
  expect(code).toBe(1);
  expect(text).toContain('1 address asked in 23 s');
  expect(text).toContain('The search was ended before it had asked everybody.');
});

test('scripts get one document, with what was found and how the search went', async () => {
  const { code, json, text } = await discover(['--json'], [XEROX, COMPUTER]);
  expect({ code, text }).toEqual({ code: 0, text: '' });
  expect(json).toMatchObject({
    devices: [{ address: '192.168.50.23', profile: 'xerox/workcentre' }],
    summary: SUMMARY,
  });
});

test('--known and --network exclude each other', async () => {
  const { code, text } = await discover(['--known', '--network', '10.0.0.0/24'], []);
  expect(code).toBe(2);
  expect(text).toMatch(/^scanferry: --known asks nobody, so it takes no --network\./);
});
