/**
 * An administrator's commands with a real Postfix behind the box: the product as a process, its queue, its history,
 * a support bundle, and a backup that is restored into another box while the first one is dead.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendScan } from '../../src/sandbox/device.ts';
import type { MessageDetail } from '../../src/spool/types.ts';
import { bundleFile } from '../support/bundle.ts';
import { runScanferry } from '../support/child-site.ts';
import { type CliRun, cliRun } from '../support/cli.ts';
import { freePort, type RunningProcess, runOrThrow, startProcess } from '../support/processes.ts';
import { LOGIN, type PostfixSite, siteLines, startPostfixSite } from './support/upstream.ts';

const GONE = 'gone@contoso.com';
const PAGE = 'a page of the contract';

let site: PostfixSite;
let folder: string;
let port: number;
let agent: RunningProcess;
const boxes: RunningProcess[] = [];

const inFolder = (name: string) => path.join(folder, name);
const placeOf = (box: string) => [
  '--config',
  inFolder(`${box}/scanferry.yaml`),
  '--data',
  inFolder(`${box}/data`),
];
const scanferry = (...args: string[]) => runScanferry([...args, ...placeOf('first')]);
/** In the test's own process, over the socket of the box. */
const cli = (...args: string[]) => cliRun([...placeOf('first'), ...args]);
const withPassphrase = () => ['--passphrase-file', inFolder('passphrase')];

async function startBox(box: string): Promise<RunningProcess> {
  const started = startProcess(process.execPath, [await bundleFile(), 'run', ...placeOf(box)]);
  boxes.push(started);
  await started.waitForLine(/"event":"agent\.started"/);
  return started;
}

beforeAll(async () => {
  site = await startPostfixSite({ recipientReplies: { [GONE]: '550 5.1.1 No such mailbox' } });
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-operator-'));
  await runOrThrow('mkdir', [inFolder('first')]);
  writeFileSync(inFolder('passphrase'), 'four copiers and no time\n');
  writeFileSync(inFolder('first/ca.pem'), site.postfix.certificates.ca);
  port = await freePort();
  writeFileSync(
    inFolder('first/scanferry.yaml'),
    `${siteLines(site.names).replace('port: 0', `port: ${port}`)}devices: [{ id: copier-2f, address: 127.0.0.1 }]
routes:
  - { id: smarthost, kind: submission, host: ${site.postfix.host}, port: ${site.wiretap.port}, ca: ca.pem, mailbox: ${LOGIN.user}, auth: { kind: basic, password: { secret: smarthost } } }
`,
  );
  const stored = await runScanferry(['secret', 'set', 'smarthost', ...placeOf('first')], LOGIN.password);
  expect(stored).toMatchObject({ code: 0, stderr: '' });
  agent = await startBox('first');
}, 60_000);
afterAll(async () => {
  for (const box of boxes) await box.stop();
  await site.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function scan(to: string, pages = 1): Promise<string> {
  const sent = await sendScan({
    connect: { host: '127.0.0.1', port },
    tls: 'starttls',
    hello: { verb: 'EHLO', name: 'copier' },
    from: LOGIN.user,
    to: [to],
    message: Buffer.from(
      `From: ${LOGIN.user}\r\nSubject: Confidential\r\n\r\n${`${PAGE}\r\n`.repeat(pages)}`,
    ),
  });
  const id = / as ([0-9a-z]+)\s*$/.exec(sent.replyText)?.[1];
  if (!sent.accepted || id === undefined) throw new Error(`the box did not take the scan: ${sent.replyText}`);
  return id;
}

/** Waits for the log of the box: the event of that message. */
const event = (name: string, id: string) =>
  agent.waitFor(
    () =>
      agent
        .stdout()
        .split('\n')
        .find((line) => line.includes(`"event":"${name}"`) && line.includes(id)) ?? null,
    `${name} of ${id}`,
  );
const messagesIn = ({ json }: CliRun) => (json as { messages: MessageDetail[] }).messages;

test('history and queue show have the words of Postfix for what it took and what it refused', async () => {
  const [taken, refused] = [await scan('desk@contoso.com'), await scan(GONE)];
  await event('message.delivered', taken);
  await event('message.failed', refused);
  const { messages } = (await cli('--json', 'history')).json as {
    messages: MessageDetail[];
  };
  expect(messages.map(({ head, recipients }) => [head.id, recipients[0]?.state])).toEqual([
    [refused, 'failed'],
    [taken, 'delivered'],
  ]);
  const { text } = await cli('history', '--state', 'delivered');
  const queueId = /^ +250 2\.0\.0 Ok: queued as (\w+)$/m.exec(text)?.[1];
  expect(await site.postfix.log()).toContain(`: ${queueId}: client=`);
  const shown = await cli('queue', 'show', refused);
  expect(shown.text).toMatch(/by smarthost to smtp\.contoso\.com\n {2}TLS 1\.3 \(TLS_\w+\), \d+ ms\n/);
  expect(shown.text).toMatch(/\n {4}550 5\.1\.1 .*No such mailbox$/m);
});

test('queue: what waits is listed, held, released, retried, exported and cancelled, and only what should go goes', async () => {
  expect((await cli('routes', 'pause', 'smarthost')).code).toBe(0);
  const [kept, exported, given] = [
    await scan('kept@contoso.com'),
    await scan('out@contoso.com'),
    await scan('no@contoso.com'),
  ];
  const ids = async (...filter: string[]) =>
    messagesIn(await cli('--json', 'queue', 'list', ...filter)).map(({ head }) => head.id);
  expect(await ids('--device', 'copier-2f', '--state', 'queued', '--since', '1h')).toEqual([
    given,
    exported,
    kept,
  ]);
  expect(await ids('--recipient', 'out@contoso.com')).toEqual([exported]);
  expect(await ids('--sender', 'nobody@contoso.com')).toEqual([]);
  expect(await cli('queue', 'hold', kept)).toMatchObject({ code: 0, text: 'hold: 1 recipient changed' });
  expect((await cli('queue', 'export', exported, inFolder('out.eml'))).code).toBe(0);
  expect(readFileSync(inFolder('out.eml'), 'utf8')).toContain(`Subject: Confidential\r\n`);
  expect((await cli('queue', 'cancel', given)).code).toBe(0);
  expect((await cli('routes', 'resume', 'smarthost')).code).toBe(0);
  await event('message.delivered', exported);
  expect(await ids('--state', 'held')).toEqual([kept]);
  expect((await cli('queue', 'release', kept)).code).toBe(0);
  await event('message.delivered', kept);
  const again = await cli('queue', 'retry', kept);
  expect(again).toMatchObject({
    code: 1,
    text: expect.stringContaining('retry does not fit the state'),
  });
  const history = await cli('history', '--recipient', 'no@contoso.com');
  expect(history.text).toMatch(/cancelled {2}no@contoso\.com\n {4}An operator \(\S+\) gave the message up\./);
  const arrived = site.postfix.sink.messages.flatMap(({ recipients }) => recipients);
  expect(arrived.filter((address) => address === 'kept@contoso.com')).toHaveLength(1);
  expect(arrived).not.toContain('no@contoso.com');
});

test('a support bundle tells of Postfix and its replies, and of no password, name, page or subject', async () => {
  await scan(GONE).then((id) => event('message.failed', id));
  const out = inFolder('bundle.tar.gz');
  expect(await scanferry('support-bundle', '--out', out)).toMatchObject({ code: 0, stderr: '' });
  await runOrThrow('mkdir', [inFolder('unpacked')]);
  await runOrThrow('tar', ['-xzf', out, '-C', inFolder('unpacked'), '--strip-components', '1']);
  const files = readdirSync(inFolder('unpacked'));
  const text = files.map((name) => readFileSync(path.join(inFolder('unpacked'), name), 'utf8')).join('\n');
  const doctor = JSON.parse(readFileSync(inFolder('unpacked/doctor.json'), 'utf8')) as { name: string }[];
  expect(doctor.map(({ name }) => name).join(', ')).toContain(': sign-in');
  expect(text).toContain('550 5.1.1');
  const lower = text.toLowerCase();
  for (const word of [LOGIN.password, LOGIN.user, 'contoso', 'copier-2f', 'Confidential', PAGE])
    expect({ word, isThere: lower.includes(word.toLowerCase()) }).toEqual({ word, isThere: false });
});

test('a backup made while scans come carries the box, and with the mail what waits: another box delivers it to Postfix', async () => {
  expect((await scanferry('routes', 'pause', 'smarthost')).code).toBe(0);
  await scan('waited@contoso.com', 40_000);
  // Scans go on while both are written.
  const scans = Array.from({ length: 5 }, (_, index) => scan(`during-${index}@contoso.com`, 500));
  const [small, whole] = [inFolder('small.backup'), inFolder('whole.backup')];
  expect(await scanferry('backup', small, ...withPassphrase())).toMatchObject({ code: 0, stderr: '' });
  expect(await scanferry('backup', whole, '--with-spool', ...withPassphrase())).toMatchObject({
    code: 0,
    stderr: '',
  });
  await Promise.all(scans);
  agent.signal('SIGKILL');
  await agent.waitForExit();
  rmSync(inFolder('first/data'), { recursive: true });

  // Without the mail: the secret came along, so the new box signs in at Postfix at once.
  const restore = (file: string, box: string) =>
    runScanferry(['restore', file, ...withPassphrase(), ...placeOf(box)]);
  expect(await restore(small, 'second')).toMatchObject({ code: 0, stderr: '' });
  agent = await startBox('second');
  expect((await runScanferry(['routes', 'resume', 'smarthost', ...placeOf('second')])).code).toBe(0);
  const sent = await runScanferry(['send-test', 'desk@contoso.com', ...placeOf('second')]);
  expect(sent).toMatchObject({ code: 0, stderr: '' });
  expect(sent.stdout).toMatch(/ sending {4}desk@contoso\.com by smarthost to smtp\.contoso\.com:\d+\n/);
  await agent.stop();
  expect(site.postfix.sink.messages.flatMap(({ recipients }) => recipients)).not.toContain(
    'waited@contoso.com',
  );

  expect(await restore(whole, 'third')).toMatchObject({ code: 0, stderr: '' });
  agent = await startBox('third');
  expect((await runScanferry(['routes', 'resume', 'smarthost', ...placeOf('third')])).code).toBe(0);
  const arrived = await site.postfix.sink.waitForRecipient('waited@contoso.com');
  expect(arrived.raw.toString('latin1')).toContain(`\r\n\r\n${`${PAGE}\r\n`.repeat(40_000)}`);
});
