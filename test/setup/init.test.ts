/** `scanferry init` as an administrator runs it: from a file of answers and at a terminal, against the simulated tenant. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import type { Sandbox, SandboxAddresses } from '../../src/sandbox/sandbox.ts';
import { DEFAULT_CLIENT_ID, DEFAULT_MAILBOX } from '../../src/sandbox/tenant.ts';
import { bundleFile } from '../support/bundle.ts';
import { runScanferry } from '../support/child-site.ts';
import { type CommandResult, freePort, runCommand, startProcess } from '../support/processes.ts';
import { arrivedFor, startTenant } from '../support/site.ts';

let sandbox: Sandbox;
let addresses: SandboxAddresses;
let secret: string;
beforeAll(async () => {
  ({ sandbox, addresses } = await startTenant());
  secret = sandbox.tenant.apps.get(DEFAULT_CLIENT_ID)?.secrets[0]?.value ?? '';
});
afterAll(() => sandbox.stop());

let folder: string;
let port: number;
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-init-'));
  writeFileSync(path.join(folder, 'ca.pem'), addresses.caPem);
  port = await freePort();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string) => path.join(folder, name);
const place = () => ['--config', inFolder('scanferry.yaml'), '--data', inFolder('data')];

/** Lines that every file of answers here begins with. */
function common(server: string): string {
  return `site: { id: berlin-hq }
domain: contoso.com
networks: [127.0.0.0/8]
port: ${port}
unknownDevices: accept
notices: [it@contoso.com]
dns: ['127.0.0.1:${addresses.dns.port}']
server: { ca: ca.pem, ${server} }
`;
}

const signInBy = (value: string) =>
  `mailbox: ${DEFAULT_MAILBOX}\nsignIn: { kind: secret, tenant: contoso.onmicrosoft.com, clientId: ${DEFAULT_CLIENT_ID}, secret: '${value}' }\n`;
const submissionServer = () => `port: ${addresses.submission.port}, authority: '${addresses.authority.url}'`;
const mxServer = () => `port: ${addresses.mx.port}`;

function init(answers: string, ...args: string[]): Promise<CommandResult> {
  writeFileSync(inFolder('answers.yaml'), answers);
  return runScanferry(['init', '--answers', inFolder('answers.yaml'), ...place(), ...args]);
}

/** Starts the agent from what init wrote, and hands in a scan; resolves when it has arrived at the tenant. */
async function deliver(to: string): Promise<void> {
  const agent = startProcess(process.execPath, [
    await bundleFile(),
    'run',
    '--config',
    inFolder('scanferry.yaml'),
  ]);
  try {
    await agent.waitForLine(/"event":"agent\.started"/);
    const sent = await sendScan({
      connect: { host: '127.0.0.1', port },
      tls: 'none',
      hello: { verb: 'EHLO', name: 'copier' },
      from: 'copier@contoso.com',
      to: [to],
      message: Buffer.from('Subject: scan\r\n\r\na page\r\n'),
    });
    expect(sent).toMatchObject({ accepted: true });
    await arrivedFor(sandbox, to);
  } finally {
    await agent.stop();
  }
}

/** Nothing at all beside what the test put there. */
function expectNothingWritten(): void {
  expect(readdirSync(folder).sort()).toEqual(
    ['answers.yaml', 'ca.pem'].filter((name) => existsSync(inFolder(name))),
  );
}

describe('answers in a file', () => {
  test('submission: the config carries a scan, and its secret lies apart and encrypted', async () => {
    const done = await init(common(submissionServer()) + signInBy(secret));
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toContain(`${DEFAULT_MAILBOX} is signed in (XOAUTH2).`);
    expect(done.stdout).toContain(`It takes mail from ${DEFAULT_MAILBOX} to it@contoso.com.`);
    // What to enter at the copier.
    expect(done.stdout).toMatch(new RegExp(`Port +${port}`));
    const written = readFileSync(inFolder('scanferry.yaml'), 'utf8');
    expect(written).toContain('secret: client-secret');
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (name === 'answers.yaml' || statSync(inFolder(name)).isDirectory()) continue;
      expect(readFileSync(inFolder(name)).includes(secret)).toBe(false);
    }
    expect(statSync(inFolder('data/secrets.json')).mode & 0o777).toBe(0o600);
    expect(statSync(inFolder('data/box.key')).mode & 0o777).toBe(0o600);
    expect(await runScanferry(['check', '--config', inFolder('scanferry.yaml')])).toMatchObject({ code: 0 });
    await deliver('submission@contoso.com');
  });

  test('direct send is found by itself where nobody outside is written to and there is no mailbox', async () => {
    const done = await init(`${common(mxServer())}outside: false\n`);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toContain(
      'The MX of contoso.com is contoso-com.mail.protection.outlook.com: Microsoft 365.',
    );
    expect(readFileSync(inFolder('scanferry.yaml'), 'utf8')).toContain('kind: direct-send');
    await deliver('direct@contoso.com');
  });

  test('a connector by certificate is found by itself for people outside without a mailbox', async () => {
    const { cert, key } = await sandbox.issueCertificate({ names: ['contoso.com'] });
    writeFileSync(inFolder('relay.pem'), cert);
    writeFileSync(inFolder('relay.key'), key);
    sandbox.tenant.connector = {
      addresses: [],
      certificateName: 'contoso.com',
      authorities: [addresses.caPem],
    };
    try {
      const done = await init(`${common(mxServer())}certificate: { cert: relay.pem, key: relay.key }\n`);
      expect(done).toMatchObject({ code: 0, stderr: '' });
      const written = readFileSync(inFolder('scanferry.yaml'), 'utf8');
      expect(written).toContain('kind: connector');
      expect(written).toContain(`cert: ${inFolder('relay.pem')}`);
      await deliver('partner@fabrikam.com');
    } finally {
      sandbox.tenant.connector = null;
    }
  });

  test('tells every problem at once, each with its line, and writes nothing', async () => {
    const { code, stdout, stderr } = await init(
      'site: { id: Berlin HQ }\ndomain: contoso\nnetworks: []\nway: pigeon\nsignIn: { kind: secret, tenant: x, clientId: y, secret: { env: NO_SUCH } }\ncolour: blue\n',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const file = inFolder('answers.yaml');
    for (const [line, key] of [
      [1, 'site.id'],
      [2, 'domain'],
      [3, 'networks'],
      [4, 'way'],
      [5, 'signIn.secret'],
      [6, 'colour'],
    ]) {
      expect(stderr).toContain(`${file}:${line}: error: ${key}: `);
    }
    expectNothingWritten();
  });

  test.each([
    ['a wrong secret', () => signInBy('wrong'), 'The client secret is wrong (AADSTS7000215).'],
    [
      'a wrong tenant',
      () => signInBy(secret).replace('contoso.onmicrosoft.com', 'fabrikam.onmicrosoft.com'),
      'There is no such tenant in this cloud (AADSTS90002).',
    ],
    [
      'a wrong password',
      () => `mailbox: ${DEFAULT_MAILBOX}\nsignIn: { kind: password, password: wrong }\n`,
      '535 5.7.3 Authentication unsuccessful',
    ],
  ])('%s is named, and nothing is written', async (_what, answers, says) => {
    const server = submissionServer().replace('/contoso.onmicrosoft.com', '');
    const refused = await init(common(server) + answers());
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('  fail ');
    expect(refused.stdout.replace(/\s+/g, ' ')).toContain(says);
    expect(refused.stderr).toContain('so nothing was written');
    expectNothingWritten();
  });

  test('a failed test is passed over where goOn says so', async () => {
    const done = await init(`${common(submissionServer())}${signInBy('wrong')}goOn: true\n`);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toContain('  fail ');
    expect(existsSync(inFolder('scanferry.yaml'))).toBe(true);
  });

  test("an MX that is not Microsoft's rules out both ways over it, and says so", async () => {
    sandbox.dns.zone.set('fabrikam.com', { MX: [{ exchange: 'filter.example.net', preference: 0 }] });
    const { code, stdout, stderr } = await init(
      common(mxServer()).replace('domain: contoso.com', 'domain: fabrikam.com'),
    );
    expect(code).toBe(1);
    expect(stdout).toContain("The MX of fabrikam.com is filter.example.net, which is not Microsoft's.");
    expect(stderr).toContain('None of the three ways to Microsoft 365 fits this site');
    expect(stderr).toContain('submission: It needs a mailbox with a licence');
    expectNothingWritten();
  });

  test('without an answer of the name server it says so, and can be told to go on', async () => {
    const answers = common(mxServer()).replace(/dns: .*/, `dns: ['127.0.0.1:${await freePort()}']`);
    const { code, stdout } = await init(`${answers}way: direct-send\noutside: false\n`);
    expect(code).toBe(1);
    expect(stdout).toContain('  fail ');
    expect(stdout).toMatch(/name server/i);
    expectNothingWritten();
  });

  test('leaves a config that is there alone; --force replaces it and keeps the old one and its secrets', async () => {
    const answers = common(submissionServer()) + signInBy(secret);
    expect((await init(answers)).code).toBe(0);
    const first = readFileSync(inFolder('scanferry.yaml'), 'utf8');
    const refused = await init(answers);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`There is a config ${inFolder('scanferry.yaml')} already`);
    const forced = await init(answers, '--force');
    expect(forced.code).toBe(0);
    const old = readdirSync(folder).find((name) => name.startsWith('scanferry.yaml.before-init-')) ?? '';
    expect(readFileSync(inFolder(old), 'utf8')).toBe(first);
    expect(readFileSync(inFolder('scanferry.yaml'), 'utf8')).toContain('secret: client-secret-2');
    expect(await runScanferry(['check', '--config', inFolder(old)])).toMatchObject({ code: 0 });
  });
});

type Step = [waitFor: string, typed: string];

/** At a terminal, with what the sandbox needs as defaults. */
async function atTerminal(steps: readonly Step[]): Promise<CommandResult> {
  writeFileSync(
    inFolder('answers.yaml'),
    `dns: ['127.0.0.1:${addresses.dns.port}']\nserver: { ca: ca.pem, ${submissionServer()} }\n`,
  );
  const script = path.join(import.meta.dirname, '../support/at_terminal.py');
  const command = [
    process.execPath,
    await bundleFile(),
    'init',
    '--answers',
    inFolder('answers.yaml'),
    '--ask',
  ];
  const result = await runCommand('python3', [script, JSON.stringify(steps), ...command, ...place()], {
    limitMs: 60_000,
  });
  // Node's line editor moves the cursor.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of the terminal
  return { ...result, stdout: result.stdout.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '').replaceAll('\r\n', '\n') };
}

const ENTER = '\r';
const CTRL_C = '\x03';
const untilWay: Step[] = [
  ['logs: ', 'berlin-hq\r'],
  ['people [none]: ', ENTER],
  ['organisation: ', 'contoso.com\r'],
  ['yes or no [yes]: ', ENTER],
  ['sent from, or none [none]: ', `${DEFAULT_MAILBOX}\r`],
  ['never changes, or none [none]: ', ENTER],
];
const untilSecret: Step[] = [
  ...untilWay,
  ['connector [submission]: ', ENTER],
  ['password [secret]: ', ENTER],
  ['domain [contoso.com]: ', 'contoso.onmicrosoft.com\r'],
  ['registration: ', `${DEFAULT_CLIENT_ID}\r`],
];
const untilTest = (): Step[] => [
  ['ends, such as 2027-01-31, or none', ENTER],
  ['addresses, or none', 'it@contoso.com\r'],
  ['Networks of the copiers', '127.0.0.0/8\r'],
  ['listens for copiers', `${port}\r`],
  ['accept, hold or reject', 'accept\r'],
  ['Kind of copier', ENTER],
  ['or back: ', ENTER],
];

describe('at a terminal', () => {
  test('explains, corrects, goes back, and ends with a config that carries a scan', async () => {
    const { code, stdout, stderr } = await atTerminal([
      ['logs: ', '?\r'],
      ['never changes later', 'Berlin HQ\r'],
      ['such as berlin-hq, but found', 'berlin\r'],
      ['people [none]: ', 'back\r'],
      ['logs [berlin]: ', 'berlin-hq\r'],
      ...untilSecret.slice(1),
      ['not shown): ', 'wrong\r'],
      ...untilTest(),
      ['all the same [again]: ', 'back\r'],
      ['password [secret]: ', ENTER],
      ['Tenant', ENTER],
      ['registration', ENTER],
      ['[kept]: ', `${secret}\r`],
      ...untilTest(),
      ['back [yes]: ', ENTER],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('The client secret is wrong');
    expect(stdout).toContain(`New-ServicePrincipal -AppId ${DEFAULT_CLIENT_ID} -ObjectId `);
    expect(stdout).toContain(`wrote ${inFolder('scanferry.yaml')}`);
    expect(stdout).not.toContain(secret);
    await deliver('interview@contoso.com');
  });

  test('writes the config although a test has failed, when told to go on', async () => {
    const { code, stdout } = await atTerminal([
      ...untilSecret,
      ['not shown): ', 'wrong\r'],
      ...untilTest(),
      ['all the same [again]: ', 'on\r'],
      ['back [yes]: ', ENTER],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(`wrote ${inFolder('scanferry.yaml')}`);
  });

  test.each<[string, () => Step[]]>([
    ['at a question', () => untilWay],
    ['while a secret is typed', () => untilSecret],
    ['at the last question', () => [...untilSecret, ['not shown): ', `${secret}\r`], ...untilTest()]],
  ])('Ctrl-C %s leaves nothing behind', async (_where, steps) => {
    const { code, stdout } = await atTerminal([...steps(), [': ', CTRL_C]]);
    expect(code).toBe(1);
    expect(stdout).toContain('The interview was left before its end, so nothing was written.');
    expectNothingWritten();
  });

  describe('where there is a config already', () => {
    const OLD = 'site: { id: old }\n';
    const asked = 'There is a config';
    beforeEach(() => writeFileSync(inFolder('scanferry.yaml'), OLD));
    const kept = () => readdirSync(folder).filter((name) => name.startsWith('scanferry.yaml.before-init-'));

    test.each([
      ['no', 'no\r'],
      ['Enter', ENTER],
      ['something else', 'perhaps\r'],
    ])('%s leaves it as it is', async (_name, typed) => {
      const { code, stdout } = await atTerminal([['Go on? yes or no [no]: ', typed]]);
      expect(code).toBe(2);
      expect(stdout.replace(/\s+/g, ' ')).toContain(`${asked} ${inFolder('scanferry.yaml')} already.`);
      expect(stdout).toContain('--force');
      expect(readFileSync(inFolder('scanferry.yaml'), 'utf8')).toBe(OLD);
      expect(kept()).toEqual([]);
    });

    test('Ctrl-C leaves it too', async () => {
      const { code, stdout } = await atTerminal([['Go on? yes or no [no]: ', CTRL_C]]);
      expect(code).toBe(1);
      expect(stdout).toContain('nothing was written');
      expect(readFileSync(inFolder('scanferry.yaml'), 'utf8')).toBe(OLD);
    });

    test('yes replaces it at the end, and keeps it beside the new one', async () => {
      const { code, stdout } = await atTerminal([
        ['Go on? yes or no [no]: ', 'yes\r'],
        ...untilSecret,
        ['not shown): ', `${secret}\r`],
        ...untilTest(),
        ['back [yes]: ', ENTER],
      ]);
      expect(code).toBe(0);
      const [old = ''] = kept();
      expect(stdout).toContain(old);
      expect(readFileSync(inFolder(old), 'utf8')).toBe(OLD);
      expect(readFileSync(inFolder('scanferry.yaml'), 'utf8')).toContain('id: berlin-hq');
    });
  });

  test('without one it says how to do without', async () => {
    const { code, stderr } = await runScanferry(['init', ...place()]);
    expect(code).toBe(2);
    expect(stderr).toContain('There is no terminal to ask at.');
  });
});
