/** Independent programs as devices: OpenSSL, swaks, msmtp, curl and Python's smtplib. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runCommand, runOrThrow } from '../support/processes.ts';
import { type Box, startBox, testAuthorityRoot } from './support/box.ts';

const LOGIN = { user: 'copier2f', password: 'Scan4me' };
const SCAN = 'Subject: scan\r\n\r\n.dot first\r\npages\r\n';
let box: Box;
let folder: string;
let rootFile: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'scanferry-peers-'));
  rootFile = path.join(folder, 'root.pem');
  await writeFile(rootFile, await testAuthorityRoot());
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  box = await startBox({
    listeners: [{ tls: 'auto' }, { tls: 'implicit' }, { tls: 'none' }],
    devices: [{ id: 'copier', login: LOGIN }],
  });
});
afterEach(() => box.stop());

function received() {
  expect(box.spool.messages).toHaveLength(1);
  const { message, body } = box.spool.messages[0] ?? { message: null, body: Buffer.alloc(0) };
  return { device: message?.device, text: body.toString(), recipients: message?.recipients };
}

describe('openssl s_client', () => {
  const DIALOGUE =
    'EHLO copier\nMAIL FROM:<a@contoso.com>\nRCPT TO:<b@contoso.com>\nDATA\nSubject: a\n\nb\n.\nQUIT\n';

  test.each([
    ['-tls1', 'AES128-SHA', 'TLSv1'],
    ['-tls1_1', 'AES256-SHA', 'TLSv1.1'],
    ['-tls1_2', 'AES128-SHA256', 'TLSv1.2'],
    ['-tls1_2', 'ECDHE-RSA-AES256-GCM-SHA384', 'TLSv1.2'],
  ])('%s with %s sends through an auto port, by STARTTLS and at once', async (version, cipher, protocol) => {
    for (const start of [['-starttls', 'smtp'], []]) {
      const { stdout } = await runCommand(
        'openssl',
        [
          ...['s_client', '-connect', `127.0.0.1:${box.port()}`, version, '-cipher', `${cipher}:@SECLEVEL=0`],
          ...['-crlf', '-quiet', '-CAfile', rootFile, '-verify_return_error', ...start],
        ],
        { input: DIALOGUE },
      );
      expect(stdout).toMatch(/\r\n250 2\.6\.0 Message accepted as \w{16}\r\n221 2\.0\.0 Bye/);
    }
    expect(box.spool.messages.map(({ message }) => message.device.tls)).toEqual([
      { protocol, cipher },
      { protocol, cipher },
    ]);
  });

  test('sees a chain that it trusts, no session ticket and no renegotiation', async () => {
    const { stdout } = await runCommand(
      'openssl',
      [
        's_client',
        '-connect',
        `127.0.0.1:${box.port(1)}`,
        '-tls1_2',
        '-CAfile',
        rootFile,
        '-verify_hostname',
        'scanferry.local',
      ],
      { input: 'QUIT\r\n' },
    );
    expect(stdout).toContain('Verify return code: 0 (ok)');
    expect(stdout).toContain('Secure Renegotiation IS supported');
    expect(stdout).not.toContain('TLS session ticket:');
    expect(stdout).toContain('No client certificate CA names sent');
  });
});

describe('swaks', () => {
  const swaks = (...extra: string[]) =>
    runOrThrow('swaks', [
      ...['--server', '127.0.0.1', '--from', 'a@contoso.com', '--to', 'b@contoso.com', '--ehlo', 'copier'],
      ...['--data', SCAN, ...extra],
    ]);

  test.each([
    ['plain text', 2, []],
    ['STARTTLS', 0, ['--tls']],
    ['implicit TLS', 1, ['--tlsc']],
  ] as const)('sends over %s', async (_name, index, tls) => {
    await swaks('--port', String(box.port(index)), ...tls);
    expect(received().text).toContain('\r\n\r\n.dot first\r\npages');
  });

  test.each(['PLAIN', 'LOGIN', 'CRAM-MD5'])('signs in by %s', async (mechanism) => {
    await swaks('--port', String(box.port(2)), '--auth', mechanism, '-au', LOGIN.user, '-ap', LOGIN.password);
    expect(received().device).toMatchObject({ id: 'copier', login: LOGIN.user });
  });

  test('sends through a pipeline', async () => {
    await swaks('--port', String(box.port(2)), '--pipeline');
    expect(received().recipients).toEqual(['b@contoso.com']);
  });
});

test('msmtp signs in over TLS that it verifies', async () => {
  const config = path.join(folder, 'msmtprc');
  await writeFile(
    config,
    [
      ...['account default', 'host 127.0.0.1', `port ${box.port(1)}`, 'from a@contoso.com', 'auth plain'],
      ...[
        `user ${LOGIN.user}`,
        `password ${LOGIN.password}`,
        'tls on',
        'tls_starttls off',
        `tls_trust_file ${rootFile}`,
        '',
      ],
    ].join('\n'),
  );
  await chmod(config, 0o600);
  await runOrThrow('msmtp', ['-C', config, 'b@contoso.com'], { input: SCAN.replaceAll('\r\n', '\n') });
  expect(received().text).toContain('\r\n\r\n.dot first\r\npages\r\n');
});

test('curl sends over STARTTLS that it verifies', async () => {
  const file = path.join(folder, 'scan.eml');
  await writeFile(file, SCAN);
  await runOrThrow('curl', [
    ...[
      '--silent',
      '--show-error',
      '--ssl-reqd',
      '--cacert',
      rootFile,
      '--url',
      `smtp://127.0.0.1:${box.port()}`,
    ],
    ...['--mail-from', 'a@contoso.com', '--mail-rcpt', 'b@contoso.com', '--upload-file', file],
  ]);
  expect(received().text.endsWith('\r\n\r\n.dot first\r\npages\r\n')).toBe(true);
});

const PYTHON = `
import smtplib, ssl, sys
how, port, version, root = sys.argv[1:5]
context = ssl.create_default_context(cafile=root)
v = getattr(ssl.TLSVersion, version)
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = v
context.maximum_version = v
if how == "implicit":
    s = smtplib.SMTP_SSL("127.0.0.1", int(port), context=context)
else:
    s = smtplib.SMTP("127.0.0.1", int(port))
    s.starttls(context=context)
s.sendmail("a@contoso.com", ["b@contoso.com"], b"Subject: a\\r\\n\\r\\n.dot\\r\\n\\xff")
s.quit()
`;

describe('Python’s smtplib', () => {
  test.each([
    ['TLSv1', 'TLSv1'],
    ['TLSv1_1', 'TLSv1.1'],
    ['TLSv1_2', 'TLSv1.2'],
    ['TLSv1_3', 'TLSv1.3'],
  ])('sends over %s by STARTTLS and at once', async (version, protocol) => {
    for (const [how, port] of [
      ['starttls', box.port()],
      ['implicit', box.port(1)],
    ] as const) {
      await runOrThrow('python3', ['-W', 'ignore', '-c', PYTHON, how, String(port), version, rootFile]);
    }
    expect(box.spool.messages.map(({ message }) => message.device.tls?.protocol)).toEqual([
      protocol,
      protocol,
    ]);
    expect(box.spool.messages[1]?.body.subarray(-9).toString('latin1')).toBe('.dot\r\n\xff\r\n');
  });
});
