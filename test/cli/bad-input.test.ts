/** Bad input to every command there is: one clear sentence and the right exit code, from a table that must be complete. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandNames } from '../../scripts/generate/reference-commands.ts';
import type { CliDeps } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/program.ts';
import { lookInto } from '../spool/raw-database.ts';
import { runScanferry } from '../support/child-site.ts';
import { openTestSpool, type TestSpool } from '../support/spool.ts';

/** What a command can't do without: a running agent, a config, or nothing of both. */
type Needs = 'agent' | 'config' | 'nothing';

/** Every command with arguments that are right, FOLDER being the test's own; a new one without a row here fails the first test. */
const COMMANDS: Record<string, { args?: string[]; needs: Needs }> = {
  run: { needs: 'config' },
  init: { needs: 'nothing' },
  check: { needs: 'config' },
  status: { needs: 'agent' },
  health: { needs: 'agent' },
  doctor: { needs: 'nothing' },
  'queue list': { needs: 'agent' },
  'queue show': { args: ['x'], needs: 'agent' },
  'queue retry': { args: ['--all'], needs: 'agent' },
  'queue hold': { args: ['--all'], needs: 'agent' },
  'queue release': { args: ['--all'], needs: 'agent' },
  'queue cancel': { args: ['--all'], needs: 'agent' },
  'queue export': { args: ['x', '-'], needs: 'agent' },
  history: { needs: 'agent' },
  'routes list': { needs: 'agent' },
  'routes pause': { args: ['direct'], needs: 'agent' },
  'routes resume': { args: ['direct'], needs: 'agent' },
  reload: { needs: 'agent' },
  'send-test': { args: ['anna@contoso.com'], needs: 'agent' },
  'fleet watch': { needs: 'nothing' },
  'fleet keygen': { args: ['--out', 'FOLDER/key'], needs: 'nothing' },
  'fleet pack': {
    args: ['FOLDER', '--key', 'FOLDER/key.key.pem', '--out', 'FOLDER/pack'],
    needs: 'nothing',
  },
  'fleet send': { args: ['reload', '--key', 'FOLDER/key.key.pem'], needs: 'nothing' },
  'profiles list': { needs: 'nothing' },
  'profiles show': { args: ['ricoh/mp'], needs: 'nothing' },
  'profiles match': { args: ['--ehlo', 'RNP000001'], needs: 'nothing' },
  'profiles check': { needs: 'nothing' },
  capture: { args: ['--device', '192.0.2.21', '--seconds', '1'], needs: 'agent' },
  'devices list': { needs: 'agent' },
  'devices show': { args: ['copier-2f'], needs: 'agent' },
  'devices approve': { args: ['192.0.2.21'], needs: 'agent' },
  'devices forget': { args: ['copier-2f'], needs: 'agent' },
  'devices password': { args: ['copier-2f'], needs: 'nothing' },
  discover: { args: ['--known'], needs: 'agent' },
  sheet: { args: ['copier-2f'], needs: 'config' },
  'secret set': { args: ['m365'], needs: 'nothing' },
  'secret list': { needs: 'nothing' },
  'secret remove': { args: ['m365'], needs: 'nothing' },
  certificate: { needs: 'nothing' },
  backup: { args: ['FOLDER/backup.file', '--passphrase-file', 'FOLDER/passphrase'], needs: 'config' },
  'support-bundle': { args: ['--out', 'FOLDER/no/such/folder/x'], needs: 'nothing' },
  restore: { args: ['FOLDER/backup.file'], needs: 'nothing' },
  version: { needs: 'nothing' },
};

const rowsThatNeed = (...needs: Needs[]) =>
  Object.entries(COMMANDS).flatMap(([name, row]) =>
    needs.includes(row.needs) ? [[name, row] as const] : [],
  );

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-bad-'));
  writeFileSync(path.join(folder, 'broken.yaml'), 'site: { id: berlin-hq\nroutes: [\n');
  mkdirSync(path.join(folder, 'folder.yaml'));
  writeFileSync(path.join(folder, 'passphrase'), 'correct horse battery staple\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function expectOneSentence(text: string): void {
  expect(text).toMatch(/^scanferry: \S/);
  expect(text).not.toMatch(/^\s+at /m);
  expect(text).not.toContain('unexpected error');
  expect(text).not.toContain('Error:');
}

function run(name: string, args: readonly string[]): ReturnType<typeof runScanferry> {
  const own = (COMMANDS[name]?.args ?? []).map((arg) => arg.replace('FOLDER', folder));
  return runScanferry([...name.split(' '), ...own, ...args]);
}

/** As `run`, in this process: for what fails before anything of the agent is asked. */
async function runHere(name: string, args: readonly string[]): ReturnType<typeof runScanferry> {
  // What starts an agent puts its parts together outside the command line.
  if (name === 'run') return run(name, args);
  let [stdout, stderr] = ['', ''];
  const out = (text = '') => {
    stdout += `${text}\n`;
  };
  const error = (text: string) => {
    stderr += `${text}\n`;
  };
  const own = (COMMANDS[name]?.args ?? []).map((arg) => arg.replace('FOLDER', folder));
  const code = await runCli([...name.split(' '), ...own, ...args], {
    output: { line: out, error, json: (value: unknown) => out(JSON.stringify(value)) },
    ...{ env: {}, version: { version: '0.0.0', built: null, node: process.version }, profileIds: () => [] },
    // The rest is not reached by input that is wrong.
  } as unknown as CliDeps);
  return { code, stdout, stderr };
}

test('the table names every command there is, and no other', () => {
  expect(commandNames().sort()).toEqual(Object.keys(COMMANDS).sort());
});

describe('a flag that does not exist', () => {
  test.each(Object.keys(COMMANDS))('%s ends with 2, and says which', async (name) => {
    const { code, stdout, stderr } = await runHere(name, ['--no-such-flag', '--data', folder]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneSentence(stderr);
    expect(stderr).toContain("unknown option '--no-such-flag'");
  });
});

test.each([
  ['queue list', ['--no-such-flag'], "unknown option '--no-such-flag'"],
  ['queue show', ['y'], "too many arguments for 'show'. Expected 1 argument but got 2: x, y."],
  ['frobnicate', [], "unknown command 'frobnicate'"],
])('with --json, %s that is not understood is told as JSON alone', async (name, args, cause) => {
  const { code, stdout, stderr } = await runHere(name, ['--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'cli.not-understood', cause, advice: expect.stringContaining('--help') },
  });
});

test('a broker without its scheme is told as that, not as missing', async () => {
  const { code, stderr } = await runScanferry(['fleet', '--broker', 'broker.contoso.com', '--once']);
  expect(code).toBe(2);
  expect(stderr).toContain('broker.contoso.com is not the address of a broker.');
  expect(stderr).toContain('mqtts://');
});

test.each(['queue', 'routes', 'secret', 'devices', 'fleet'])(
  'a command that %s does not have ends with 2, and those it has are named',
  async (group) => {
    const { code, stdout, stderr } = await runHere(`${group} frobnicate`, ['--data', folder]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expectOneSentence(stderr);
    expect(stderr).toMatch(
      new RegExp(`${group} has no command frobnicate, but \\w+, |unknown command 'frobnicate'`),
    );
  },
);

test.each([
  ['queue list', '--before'],
  ['history', '--before'],
])('%s with a page that begins nowhere ends with 2', async (name, option) => {
  const { code, stderr } = await runHere(name, [option, 'zzz', '--data', folder]);
  expect(code).toBe(2);
  expectOneSentence(stderr);
});

describe('a config that was named and', () => {
  const cases = [
    ['is not there', 'missing.yaml'],
    ['is a folder', 'folder.yaml'],
    ['is no YAML', 'broken.yaml'],
  ] as const;
  const rows = rowsThatNeed('agent', 'config').flatMap(([name]) =>
    cases.map((one) => [...one, name] as const),
  );

  test.each(rows)('%s (%s): %s ends with 2, and names the file', async (_why, file, name) => {
    const config = path.join(folder, file);
    const { code, stdout, stderr } = await runHere(name, ['--config', config]);
    expect(code).toBe(2);
    // `check` prints what it was asked for.
    const text = name === 'check' ? stdout : stderr;
    expect(text).toContain(config);
    if (name !== 'check') expectOneSentence(text);
  });
});

describe('without an agent', () => {
  test.each(rowsThatNeed('agent'))('%s ends with 1, and says how to start one', async (name) => {
    const { code, stdout, stderr } = await run(name, ['--data', path.join(folder, 'data')]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expectOneSentence(stderr);
    expect(stderr).toContain('Start it with `scanferry run`');
  });
});

describe('a spool', () => {
  const config = (dataDir: string): string => {
    const file = path.join(dataDir, 'scanferry.yaml');
    writeFileSync(
      file,
      `site: { id: berlin-hq }
dataDir: .
intake: { listeners: [{ address: 127.0.0.1, port: 0 }], trustedNetworks: [127.0.0.0/8] }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`,
    );
    return file;
  };

  async function withSpool(use: (test: TestSpool) => Promise<void>): Promise<void> {
    const test = await openTestSpool();
    try {
      writeFileSync(path.join(test.directory, 'box.key'), test.key.toString('base64'));
      await use(test);
    } finally {
      await test.close();
    }
  }

  test('that another process has open: run ends with 1, and says so', async () => {
    await withSpool(async (spool) => {
      const { code, stderr } = await runScanferry(['run', '--config', config(spool.directory)]);
      expect(code).toBe(1);
      expectOneSentence(stderr);
      expect(stderr).toContain('is open in another process');
    });
  });

  test('of a newer version: run ends with 1, says so, and leaves it alone', async () => {
    await withSpool(async (spool) => {
      await spool.spool.stop();
      lookInto(spool.file, (db) => db.pragma('user_version = 999'));
      const { code, stderr } = await runScanferry(['run', '--config', config(spool.directory)]);
      expect(code).toBe(1);
      expectOneSentence(stderr);
      expect(stderr).toContain('newer Scanferry');
      expect(lookInto(spool.file, (db) => db.pragma('user_version', { simple: true }))).toBe(999);
    });
  });
});
