/** A box dies and another takes its place: backup and restore as an administrator uses them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import { bundleFile } from '../support/bundle.ts';
import { type ChildSite, runScanferry, startChildSite } from '../support/child-site.ts';
import { type RunningProcess, runCommand, runOrThrow, startProcess } from '../support/processes.ts';
import { arrivedFor } from '../support/site.ts';

const PASSPHRASE = 'four copiers and no time';

let folder: string;
let site: ChildSite;
let second: RunningProcess | null = null;
const cleanups: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-dead-box-'));
  writeFileSync(path.join(folder, 'passphrase'), `${PASSPHRASE}\n`);
  site = await startChildSite();
});
afterEach(async () => {
  await second?.stop();
  second = null;
  await site.stop();
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string) => path.join(folder, name);
const withPassphrase = () => ['--passphrase-file', inFolder('passphrase')];

function backUp(...args: string[]) {
  return site.scanferry('backup', inFolder('box.backup'), ...withPassphrase(), ...args);
}

/** Restores to a new place, as on a new box. */
function restore(...args: string[]) {
  const place = ['--data', inFolder('new/data'), '--config', inFolder('new/scanferry.yaml')];
  return runScanferry(['restore', inFolder('box.backup'), ...place, ...withPassphrase(), ...args]);
}

async function scan(): Promise<void> {
  const result = await sendScan({
    connect: { host: '127.0.0.1', port: site.port },
    tls: 'none',
    hello: { verb: 'EHLO', name: 'copier' },
    from: 'copier@contoso.com',
    to: ['anna@contoso.com'],
    message: Buffer.from(`Subject: confidential\r\n\r\n${'a page of the contract\r\n'.repeat(50_000)}`),
  });
  expect(result).toMatchObject({ accepted: true });
}

test('a scan that waited in a dead box arrives from the new one, byte for byte', async () => {
  expect((await site.scanferry('routes', 'pause', 'direct')).code).toBe(0);
  await scan();
  const made = await backUp('--with-spool');
  expect(made).toMatchObject({ code: 0 });
  expect(made.stdout).toMatch(/^wrote .*box\.backup, 1\.\d MB, with the mail that waits\n/);
  expect(statSync(inFolder('box.backup')).mode & 0o777).toBe(0o600);
  expect(readFileSync(inFolder('box.backup')).includes('contract')).toBe(false);
  // Nothing of the copy stays behind.
  expect(readdirSync(site.dataDir).filter((name) => name.startsWith('.backup-'))).toEqual([]);
  const ca = readFileSync(path.join(site.dataDir, 'ca/root.pem'), 'utf8');
  site.agent.signal('SIGKILL');
  await site.agent.waitForExit();
  rmSync(site.dataDir, { recursive: true });

  const restored = await restore();
  expect(restored.stderr).toBe('');
  expect(restored.stdout).toContain(`data folder: ${inFolder('new/data')}`);
  expect(readFileSync(inFolder('new/data/ca/root.pem'), 'utf8')).toBe(ca);
  const place = ['--config', inFolder('new/scanferry.yaml'), '--data', inFolder('new/data')];
  second = startProcess(process.execPath, [await bundleFile(), 'run', ...place]);
  await second.waitForLine(/"event":"agent\.started"/);
  await runScanferry(['routes', 'resume', 'direct', ...place]);
  const arrived = await arrivedFor(site.sandbox, 'anna@contoso.com');
  expect(arrived.body?.toString()).toContain(`\r\n\r\n${'a page of the contract\r\n'.repeat(50_000)}`);
});

test('without the mail it is small, and holds secrets, box key and learned facts, also of a stopped agent', async () => {
  const stored = await runScanferry(['secret', 'set', 'm365', '--data', site.dataDir], 'the client secret');
  expect(stored.code).toBe(0);
  await scan();
  await site.agent.stop();
  expect((await backUp()).code).toBe(0);
  expect(statSync(inFolder('box.backup')).size).toBeLessThan(200_000);
  expect((await restore()).code).toBe(0);
  expect(readFileSync(inFolder('new/data/box.key'))).toEqual(
    readFileSync(path.join(site.dataDir, 'box.key')),
  );
  expect(readFileSync(inFolder('new/ca.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  const names = await runScanferry(['secret', 'list', '--data', inFolder('new/data')]);
  expect(names.stdout).toBe('m365\n');
  expect(
    (
      await runScanferry([
        'check',
        '--config',
        inFolder('new/scanferry.yaml'),
        '--data',
        inFolder('new/data'),
      ])
    ).code,
  ).toBe(0);
});

describe('a restore that is interrupted', () => {
  test('while it reads leaves nothing but its own folder, which the next one removes', async () => {
    await scan();
    expect((await backUp('--with-spool')).code).toBe(0);
    const whole = readFileSync(inFolder('box.backup'));
    // A pipe that gives half of it and then nothing.
    await runOrThrow('mkfifo', [inFolder('pipe')]);
    const place = ['--data', inFolder('new/data'), '--config', inFolder('new/scanferry.yaml')];
    const args = ['restore', inFolder('pipe'), ...withPassphrase(), ...place];
    const restoring = startProcess(process.execPath, [await bundleFile(), ...args]);
    const pipe = await open(inFolder('pipe'), 'w');
    await pipe.write(whole.subarray(0, whole.length / 2));
    await vi.waitFor(() => expect(readdirSync(inFolder('new/data'))).toHaveLength(1), { timeout: 20_000 });
    restoring.signal('SIGKILL');
    await restoring.waitForExit();
    await pipe.close();
    expect(readdirSync(inFolder('new/data'))[0]).toMatch(/^\.restoring-/);
    expect(existsSync(inFolder('new/scanferry.yaml'))).toBe(false);

    expect(await restore()).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(inFolder('new/data')).filter((name) => name.startsWith('.restoring-'))).toEqual([]);
  });

  test('before its last step leaves no box that starts as if it were whole; repeated, it ends', async () => {
    await scan();
    expect((await backUp('--with-spool')).code).toBe(0);
    expect((await restore()).code).toBe(0);
    // The box key is moved last of all.
    rmSync(inFolder('new/data/box.key'));
    const place = ['--config', inFolder('new/scanferry.yaml'), '--data', inFolder('new/data')];
    const refused = await runScanferry(['run', ...place]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('box.key is gone, and spool.db');
    const again = await restore('--force');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(inFolder('new/data/box.key'))).toEqual(
      readFileSync(path.join(site.dataDir, 'box.key')),
    );
    expect((await runScanferry(['check', ...place])).code).toBe(0);
  });
});

describe('is told in one sentence', () => {
  test('when the disk of the new box is full; what was there is as it was', async () => {
    await scan();
    expect((await backUp('--with-spool')).code).toBe(0);
    const disk = mkdtempSync(path.join(os.tmpdir(), 'scanferry-disk-'));
    await runOrThrow('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'scanferry-test', disk]);
    cleanups.push(async () => {
      await runOrThrow('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    writeFileSync(path.join(disk, 'kept'), 'precious');
    const { code, stderr } = await restore('--force', '--data', disk);
    expect(code).toBe(1);
    expect(stderr).toContain(`The backup could not be restored to ${disk} (`);
    expect(stderr).toContain('what was there before is unchanged');
    expect(readdirSync(disk)).toEqual(['kept']);
    expect(existsSync(inFolder('new/scanferry.yaml'))).toBe(false);
  });

  test('when the config can not be put into its place; what was there is as it was', async () => {
    expect((await backUp()).code).toBe(0);
    mkdirSync(inFolder('old'));
    writeFileSync(inFolder('old/kept'), 'precious');
    writeFileSync(inFolder('no-folder'), 'a file');
    const place = ['--data', inFolder('old'), '--config', inFolder('no-folder/scanferry.yaml'), '--force'];
    const { code, stderr } = await runScanferry([
      'restore',
      inFolder('box.backup'),
      ...withPassphrase(),
      ...place,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('what was there before is unchanged');
    expect(readdirSync(inFolder('old'))).toEqual(['kept']);
  });

  test('when there is no passphrase and no terminal to ask at', async () => {
    const { code, stderr } = await site.scanferry('backup', inFolder('box.backup'));
    expect(code).toBe(2);
    expect(stderr).toContain('A backup needs a passphrase, and none was given.');
  });

  test('when whoever is asked for the passphrase leaves', async () => {
    const terminal = path.join(import.meta.dirname, '../support/at_terminal.py');
    const backup = [await bundleFile(), 'backup', inFolder('box.backup'), '--data', site.dataDir];
    const steps = JSON.stringify([['Passphrase: ', '\x03']]);
    const { code, stdout } = await runCommand('python3', [terminal, steps, process.execPath, ...backup]);
    expect(code).toBe(2);
    expect(stdout).toContain('A backup needs a passphrase, and none was given.');
    expect(stdout).not.toContain('unexpected');
  });

  test('of a box whose config is not found: what there is is written, and that the config is not in it is told', async () => {
    const place = ['--data', site.dataDir, '--config', inFolder('none.yaml')];
    const { code, stdout, stderr } = await runScanferry([
      'backup',
      inFolder('box.backup'),
      ...place,
      ...withPassphrase(),
    ]);
    expect(code).toBe(1);
    expect(stdout).toContain('wrote');
    expect(stderr).toContain(`The config is not in it: there is none at ${inFolder('none.yaml')}.`);
  });

  test('when the file is there already, and --force replaces it', async () => {
    writeFileSync(inFolder('box.backup'), 'precious');
    const refused = await backUp();
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`There is a file ${inFolder('box.backup')} already.`);
    expect(readFileSync(inFolder('box.backup'), 'utf8')).toBe('precious');
    expect((await backUp('--force')).code).toBe(0);
  });

  test('when the disk of the backup is full; no half file stays', async () => {
    const disk = mkdtempSync(path.join(os.tmpdir(), 'scanferry-disk-'));
    await runOrThrow('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'scanferry-test', disk]);
    cleanups.push(async () => {
      await runOrThrow('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    await scan();
    const out = path.join(disk, 'box.backup');
    const { code, stderr } = await site.scanferry('backup', out, '--with-spool', ...withPassphrase());
    expect(code).toBe(1);
    expect(stderr).toContain(`The backup could not be written to ${out} (`);
    expect(readdirSync(disk)).toEqual([]);
    expect(readdirSync(site.dataDir).filter((name) => name.startsWith('.backup-'))).toEqual([]);
  });

  test('when the passphrase is wrong; nothing is made', async () => {
    expect((await backUp()).code).toBe(0);
    writeFileSync(inFolder('passphrase'), 'another one');
    const { code, stderr } = await restore();
    expect(code).toBe(1);
    expect(stderr).toContain('The passphrase does not open this backup');
    expect(existsSync(inFolder('new'))).toBe(false);
  });

  test('when the file is cut off; the data folder stays empty', async () => {
    await scan();
    expect((await backUp('--with-spool')).code).toBe(0);
    const whole = readFileSync(inFolder('box.backup'));
    writeFileSync(inFolder('box.backup'), whole.subarray(0, whole.length - 70_000));
    const { code, stderr } = await restore();
    expect(code).toBe(1);
    expect(stderr).toContain('The backup is damaged or cut off, so nothing was restored.');
    expect(readdirSync(inFolder('new/data'))).toEqual([]);
  });

  test('when an agent runs there, and when something is in the way until --force moves it aside', async () => {
    expect((await backUp()).code).toBe(0);
    const over = [
      'restore',
      inFolder('box.backup'),
      ...withPassphrase(),
      '--data',
      site.dataDir,
      '--config',
      site.config,
    ];
    const running = await runScanferry(over);
    expect(running.stderr).toContain(`An agent is running with the data folder ${site.dataDir}`);
    await site.agent.stop();
    const refused = await runScanferry(over);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`The data folder ${site.dataDir} is there already`);
    const before = readFileSync(path.join(site.dataDir, 'box.key'));
    const forced = await runScanferry([...over, '--force']);
    expect(forced.stderr).toBe('');
    const aside = readdirSync(site.dataDir).find((name) => name.startsWith('before-restore-'));
    expect(readFileSync(path.join(site.dataDir, aside ?? '', 'box.key'))).toEqual(before);
    expect(forced.stdout).toContain(`what was in the way is now in ${path.join(site.dataDir, aside ?? '')}`);
  });
});
