/** `scanferry sheet`: text, page and file of one device or all, and what it says to wrong usage. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { cliRun } from '../support/cli.ts';

const catalogue = builtInCatalogue();
const PASSWORD = 'kR7pTq2mWx9Zs4Bd';

let folder: string;
let config: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-sheet-'));
  config = path.join(folder, 'scanferry.yaml');
  writeFileSync(
    config,
    `site: { id: berlin-hq, name: Berlin HQ }
dataDir: data
intake: { hostname: scanferry.contoso.local, trustedNetworks: [192.168.50.0/24] }
devices:
  - { id: copier-2f, profile: epson/workforce, address: 192.168.50.21, from: scanner@contoso.com,
      login: { user: copier2f, password: { env: COPIER } } }
  - { id: ups-rack-1, profile: apc/nmc2, address: 192.168.50.25 }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
web: { address: 0.0.0.0, port: 8443 }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sheet = (...argv: string[]) =>
  cliRun(['--config', config, 'sheet', ...argv], {
    env: { COPIER: PASSWORD },
    profileIds: [...catalogue.keys()],
    profiles: () => catalogue,
    boxAddresses: () => ['127.0.0.1', '192.168.50.2'],
  });

test('a device of the config gets its values, and no password unless it is asked for', async () => {
  const { code, text } = await sheet('copier-2f');
  expect(code).toBe(0);
  expect(text).toContain('or its address 192.168.50.2');
  expect(text).toContain('Authentication Method: SMTP AUTH');
  expect(text).toContain('This sheet: https://scanferry.contoso.local:8443/sheet/copier-2f');
  expect(text).not.toContain(PASSWORD);
  expect((await sheet('copier-2f', '--with-password')).text).toContain(PASSWORD);
});

test('a profile alone gets one too, and the firmware decides where TLS depends on it', async () => {
  expect((await sheet('canon/ir')).text).toMatch(/^Setting up Canon iR,/);
  expect((await sheet('ups-rack-1')).text).toMatch(/Encryption +any/);
  expect((await sheet('ups-rack-1', '--firmware', '6.4.6')).text).toMatch(/Encryption +STARTTLS/);
  expect((await sheet('ups-rack-1', '--firmware', '5.1')).text).toMatch(/Encryption +any/);
});

test('scripts get it as data', async () => {
  const { json } = await sheet('ups-rack-1', '--json');
  expect(json).toMatchObject({
    title: 'Setting up ups-rack-1',
    site: 'Berlin HQ',
    legs: [{}, { isEncrypted: true }],
  });
});

test('pages go into files for the owner alone, one or all', async () => {
  const file = path.join(folder, 'pages', 'one.html');
  expect((await sheet('copier-2f', '--html', '--out', file)).text).toBe(`wrote ${file}`);
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const all = path.join(folder, 'all');
  expect((await sheet('--all', '--out', all)).code).toBe(0);
  expect(readdirSync(all).sort()).toEqual(['copier-2f.html', 'ups-rack-1.html']);
});

describe('wrong usage ends with 2 and a sentence', () => {
  test.each([
    [
      ['typewriter'],
      'There is neither a device nor a profile named typewriter.\nThe devices are copier-2f, ups-rack-1',
    ],
    [[], 'Name a device or a profile, or give --all.'],
    [['--all'], '--all needs a folder to write to: --out DIR.'],
    [['--all', '--firmware', '1'], '--firmware is of one device, so it takes no --all.'],
  ])('%j', async (argv, says) => {
    const { code, text } = await sheet(...argv);
    expect(code).toBe(2);
    expect(text).toContain(`scanferry: ${says}`);
  });
});

test('a file that can not be written ends with 1 and names it', async () => {
  const { code, text } = await sheet('copier-2f', '--out', path.join(config, 'below', 'a-file'));
  expect(code).toBe(1);
  expect(text).toContain('The sheet could not be written to');
});
