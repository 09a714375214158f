/** Commands that need no running agent, and what each says when something is wrong: one clear sentence, a fitting exit code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleFile } from '../support/bundle.ts';
import { runScanferry } from '../support/child-site.ts';
import { runCommand } from '../support/processes.ts';

let folder: string;
let config: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-cli-'));
  config = path.join(folder, 'scanferry.yaml');
  dataDir = path.join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a config whose one listener is at `port`. */
function writeConfig(port = 2525): void {
  writeFileSync(
    config,
    `site: { id: berlin-hq }
dataDir: data
intake: { listeners: [{ address: 127.0.0.1, port: ${port} }], trustedNetworks: [127.0.0.0/8] }
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`,
  );
}

/** A stack trace is for our own mistakes; nothing an operator does may show one. */
function expectSentences(text: string): void {
  expect(text).not.toMatch(/^\s+at /m);
  expect(text).not.toContain('unexpected error');
  for (const line of text.trimEnd().split('\n')) expect(line.length).toBeGreaterThan(0);
}

describe('version', () => {
  const { version } = JSON.parse(
    readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'),
  );

  it('names the version, the build and Node.js', async () => {
    const { code, stdout } = await runScanferry(['version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^scanferry ${version}, built \\d{4}-\\d\\d-\\d\\dT\\S+, Node\\.js v\\d+\\S+\\n$`),
    );
  });

  it('does so as JSON', async () => {
    const { stdout } = await runScanferry(['version', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ version, node: process.version });
  });
});

describe('check', () => {
  it('says that a good config is good', async () => {
    writeConfig();
    expect(await runScanferry(['check', '--config', config])).toMatchObject({
      code: 0,
      stdout: `${config} is good: site berlin-hq, 1 listener, 0 devices, 1 route (direct)\n`,
    });
    const { code, stdout } = await runScanferry(['check', '--config', config, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ file: config, valid: true, problems: [] });
  });

  it('tells every problem of a bad one with file and line, and ends with 2', async () => {
    writeFileSync(
      config,
      'site: { id: Berlin }\nroutes:\n  - { id: direct, kind: carrier-pigeon }\nintak: {}\n',
    );
    const { code, stdout } = await runScanferry(['check', '--config', config]);
    expect(code).toBe(2);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(line).toMatch(/^\S+scanferry\.yaml:\d+: error: /);
    const asJson = await runScanferry(['check', '--config', config, '--json']);
    expect(asJson.code).toBe(2);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ valid: false });
    expect(JSON.parse(asJson.stdout).problems).toHaveLength(lines.length);
  });

  it('names a file that is not there', async () => {
    const { code, stdout, stderr } = await runScanferry(['check', '--config', config]);
    expect(code).toBe(2);
    expect(`${stdout}${stderr}`).toContain(config);
    expectSentences(`${stdout}${stderr}`);
  });
});

describe('secret', () => {
  const secret = (args: string[], input = '') => runScanferry(['secret', ...args, '--data', dataDir], input);

  it('is stored, listed by name only, used by a config, and removed', async () => {
    expect(await secret(['list'])).toMatchObject({ code: 0, stdout: 'No secret is stored.\n' });
    expect(await secret(['set', 'm365'], 's3cret value\n')).toMatchObject({
      code: 0,
      stdout: 'stored m365; write { secret: m365 } in the config\n',
    });
    expect(await secret(['list'])).toMatchObject({ code: 0, stdout: 'm365\n' });
    expect(JSON.parse((await secret(['list', '--json'])).stdout)).toEqual(['m365']);
    writeFileSync(
      config,
      `site: { id: berlin-hq }
dataDir: data
routes: [{ id: mailbox, kind: submission, mailbox: scanner@contoso.com, auth: { kind: basic, password: { secret: m365 } } }]
`,
    );
    expect((await runScanferry(['check', '--config', config])).code).toBe(0);
    expect(await secret(['remove', 'm365'])).toMatchObject({ code: 0, stdout: 'removed m365\n' });
    const missing = await runScanferry(['check', '--config', config]);
    expect(missing.code).toBe(2);
    expect(missing.stdout).toContain('m365');
  });

  it('lies encrypted on the disk', async () => {
    await secret(['set', 'm365'], 'a value to look for');
    const found = await runCommand('grep', ['-r', '--text', 'a value to look for', dataDir]);
    expect(found.code).toBe(1);
  });

  it('needs a value and a plain name, and one that exists to be removed', async () => {
    expect(await secret(['set', 'm365'], '\n')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('The secret read from standard input is empty.'),
    });
    expect(await secret(['set', '../m365'], 'x')).toMatchObject({ code: 2 });
    expect(await secret(['remove', 'nothing'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No secret is named nothing.'),
    });
  });
});

describe('wrong usage', () => {
  it.each([
    { args: ['queue', '--nonsense'], says: "unknown option '--nonsense'" },
    { args: ['nonsense'], says: "unknown command 'nonsense'" },
    { args: ['queue', 'show'], says: "missing required argument 'id'" },
    { args: ['queue', 'list', '--state', 'lost'], says: "'lost' is invalid" },
    { args: ['queue', 'list', '--limit', 'many'], says: '--limit takes a number from 1 to 1000.' },
    {
      args: ['queue', 'cancel'],
      says: 'queue cancel needs message ids, a filter such as --device, or --all.',
    },
    { args: ['run', '--demo', '--port', '70000'], says: 'expected a port from 0 to 65535' },
    { args: ['send-test', 'anna'], says: 'send-test takes e-mail addresses' },
    { args: ['certificate', '--format', 'doc'], says: "'doc' is invalid" },
  ])('$args ends with 2 and a sentence', async ({ args, says }) => {
    const { code, stdout, stderr } = await runScanferry([...args, '--data', dataDir]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^scanferry: /);
    expect(stderr).toContain(says);
    expect(stderr).toContain('--help');
    expect(stdout).toBe('');
    expectSentences(stderr);
  });

  it('without a command shows what there is', async () => {
    const { code, stderr } = await runScanferry([]);
    expect(code).toBe(2);
    expect(stderr).toContain('run the agent until it is stopped');
    expect(await runScanferry(['--help'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('without an agent', () => {
  it.each([
    'status',
    'queue list',
    'queue show x',
    'queue retry --all',
    'queue export x -',
    'routes',
    'routes pause direct',
    'send-test anna@contoso.com',
  ])('%s says that none is running, and how to start it', async (command) => {
    const given = [...command.split(' '), '--data', dataDir];
    const { code, stdout, stderr } = await runScanferry(given);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /^scanferry: No agent is running with the data folder .*\nStart it with `scanferry run`/,
    );
    expectSentences(stderr);
    const asJson = await runScanferry([...given, '--json']);
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: 'control.not-running' } });
  });

  it('there is no certificate before the first start', async () => {
    const { code, stderr } = await runScanferry(['certificate', '--data', dataDir]);
    expect(code).toBe(1);
    expect(stderr).toContain('There is no root certificate at');
  });
});

describe('run that cannot start', () => {
  it('names the config it could not read', async () => {
    const { code, stderr } = await runScanferry(['run', '--config', config]);
    expect(code).toBe(2);
    expect(stderr).toContain(config);
    expectSentences(stderr);
  });

  it('names every problem of a bad config', async () => {
    writeFileSync(config, 'site: { id: Berlin }\nroutes: []\n');
    const { code, stderr } = await runScanferry(['run', '--config', config]);
    expect(code).toBe(2);
    expect(stderr).toContain('site.id');
    expect(stderr).toContain('routes');
    expectSentences(stderr);
  });

  it('names the port that is taken, and leaves no agent behind', async () => {
    const squatter = net.createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      writeConfig(port);
      const { code, stderr } = await runScanferry(['run', '--config', config]);
      expect(code).toBe(1);
      expect(stderr).toContain(String(port));
      expectSentences(stderr);
      expect((await runScanferry(['status', '--config', config])).code).toBe(1);
    } finally {
      squatter.close();
    }
  });

  it('asks for a newer Node.js in a sentence', async () => {
    const old = "Object.defineProperty(process, 'version', { value: 'v20.11.1' });";
    const preload = path.join(folder, 'old.cjs');
    writeFileSync(preload, old);
    const { code, stderr } = await runCommand(process.execPath, [
      '--require',
      preload,
      await bundleFile(),
      'run',
      '--demo',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('This is Node.js v20.11.1, and Scanferry needs 22.14 or newer.');
  });
});
