/** A capture of a device that sends to the whole agent: scrubbed, a session that replays, a draft that passes the check. */
import http from 'node:http';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createControlClient } from '../../src/control/client.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { createCaptures } from '../../src/intake/capture.ts';
import { scrubCommand } from '../../src/intake/scrub-command.ts';
import { createTextScrubber } from '../../src/intake/scrub-text.ts';
import { rawProfiles } from '../../src/profiles/catalogue.generated.ts';
import { checkProfiles } from '../../src/profiles/check.ts';
import { parseSession } from '../../src/profiles/session-file.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { replaySession } from '../support/replay.ts';
import { type Site, startSite } from '../support/site.ts';

let site: Site | null = null;
afterEach(async () => {
  await site?.stop();
  site = null;
});

const LOGIN = { user: 'copier-berlin', password: 'Tr0ub4dor-3' };
const DEVICE = '{ id: copier, address: 127.0.0.21, login: { user: copier-berlin, password: Tr0ub4dor-3 } }';
/** What must not stand in anything that leaves the box. */
const PRIVATE = [
  ...[
    'berlin',
    'Tr0ub4dor',
    'anna',
    'contoso.de',
    '127.0.0.21',
    'Quarterly',
    'salary',
    'B8C463',
    'X-Serial-4711',
  ],
  ...[LOGIN.user, LOGIN.password].map((text) => Buffer.from(text).toString('base64')),
];

const MESSAGE = [
  'From: "Berlin copier" <scan@berlin.contoso.de>',
  'To: anna@berlin.contoso.de',
  'Subject: Quarterly salary list',
  'X-Serial: X-Serial-4711',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="berlin-b8"',
  '',
  '--berlin-b8',
  'Content-Type: application/pdf; name="salary.pdf"',
  '',
  'the salary of everybody',
  '--berlin-b8--',
  '',
].join('\r\n');

async function findDevice(running: Site): Promise<void> {
  const { spool } = running.agent.agent.rooms;
  const signals = {
    snmpSysDescr: 'XEROX WorkCentre 7755; SS 072.040 S/N XDR1234567 at 192.168.50.21',
    snmpSysObjectId: '1.3.6.1.4.1.253.8.62.1.22.4.1.1',
    dnssdHost: 'copier-berlin.local',
  };
  const device = {
    ...{
      address: '127.0.0.21',
      mac: null,
      maker: 'Xerox',
      names: ['copier-berlin'],
      model: null,
      firmware: null,
    },
    ...{ verdict: 'identified', profile: null, title: null, score: 0, why: '', candidates: [], signals },
    ...{ foundBy: ['snmp v2c'], isDevice: true, advice: [] },
  };
  await spool.putFact('discovery', 'device 127.0.0.21', { firstFoundAt: 1, device });
}

function scan(running: Site) {
  return sendScan({
    connect: { host: '127.0.0.1', port: running.agent.port(), localAddress: '127.0.0.21' },
    ...{ tls: 'starttls', tlsMax: 'TLSv1' },
    hello: { verb: 'EHLO', name: 'XC-B8C463.berlin.contoso.de' },
    auth: { mechanism: 'LOGIN', ...LOGIN },
    from: 'scan@berlin.contoso.de',
    to: ['anna@contoso.com'],
    message: Buffer.from(MESSAGE),
  });
}

test('names nobody and nothing, passes the check of profiles, and its replay delivers', async () => {
  site = await startSite({ devices: [DEVICE] });
  await findDevice(site);
  const client = createControlClient(path.join(site.agent.directory, 'data'));
  const capturing = client.call('devices.capture', { device: 'copier', seconds: 60 }).catch((error) => error);
  const shown = async () => (await client.call('devices.list', {})).length;
  await expect.poll(shown).toBeGreaterThan(0);
  expect(await scan(site)).toMatchObject({ accepted: true });
  const captured = await capturing;
  expect(captured).toMatchObject({ sessions: 1, delivered: 1 });

  const { id, json, todo } = captured.profile;
  const texts = [captured.session, JSON.stringify(json), todo.join()].join('\n');
  for (const text of PRIVATE) expect(texts.toLowerCase()).not.toContain(text.toLowerCase());
  expect(captured.session).toContain('C: EHLO XC-XXXXXX.example.com');
  expect(captured.session).toContain('T: starttls TLSv1 TLSv1');
  expect(captured.session).toContain('C: {{userBase64}}\nS: 334\nC: {{passwordBase64}}\nS: 235');
  const files = [
    { path: `${id}/profile.json`, text: JSON.stringify(json) },
    { path: `${id}/session-captured.txt`, text: captured.session },
  ];
  expect(checkProfiles(files, rawProfiles)).toEqual([]);
  expect(json).toMatchObject({
    status: 'partial',
    tls: { ranges: [{ protocols: ['tls1.0'], modes: ['starttls'] }] },
    smtp: { helo: { verb: 'EHLO', fqdn: true }, auth: { mechanisms: ['LOGIN'] } },
    repair: { missingFields: ['date', 'message-id'] },
  });

  const parsed = parseSession(captured.session);
  if ('fault' in parsed) throw new Error(parsed.fault);
  const before = site.sandbox.received().length;
  const result = await replaySession({
    connect: { host: '127.0.0.1', port: site.agent.port(), localAddress: '127.0.0.21' },
    steps: parsed.session.steps,
    ...{ boxName: 'scanferry.local', login: LOGIN, clock: createSystemClock(0) },
    from: 'copier@contoso.com',
    recipient: 'replayed@contoso.com',
  });
  expect(result.failure).toBeNull();
  const arrived = await site.arrived('replayed@contoso.com');
  expect(arrived.body?.toString('latin1')).toContain('Subject: Scan');
  expect(site.sandbox.received().length).toBeGreaterThan(before);
});

describe('a command', () => {
  const facts = { address: '192.0.2.21', prefixes: ['NPI', 'XC-'] };
  test.each([
    ['EHLO NPIF65E56\r\n', 'C: EHLO NPIXXXXXX'],
    ['HELO\r\n', 'C: HELO'],
    ['HELO scanner of berlin\r\n', 'C: HELO device device device'],
    ['EHLO [192.0.2.21]\r\n', 'C: EHLO [{{deviceAddress}}]'],
    ['EHLO 10.1.2.3\r\n', 'C: EHLO {{deviceAddress}}'],
    [
      'MAIL FROM: scan@site.de SIZE=123 BODY=8BITMIME X=berlin\r\n',
      'C: MAIL FROM: {{from}} SIZE=123 BODY=8BITMIME',
    ],
    ['MAIL FROM:<copier>\r\n', 'C: MAIL FROM:<device>'],
    ['MAIL FROM:<c@10.1.2.3>\r\n', 'C: MAIL FROM:<device@{{deviceAddress}}>'],
    ['MAIL FROM:<scan.@site.de>\r\n', 'C: MAIL FROM:<device.@contoso.com>'],
    ['MAIL FROM:<>\r\n', 'C: MAIL FROM:<>'],
    ['RCPT TO:<anna@site.de> NOTIFY=NEVER\r\n', 'C: RCPT TO:<{{recipient}}>'],
    ['AUTH PLAIN AGEAYg==\r\n', 'C: AUTH PLAIN {{plainBase64}}'],
    ['auth login\r\n', 'C: auth login'],
    ['c2VjcmV0\r\n', 'C: X-UNKNOWN'],
    ['VRFY anna\r\n', 'C: VRFY'],
    ['QUIT\r\r\n', 'R: QUIT\\r\\r\\n'],
    ['RSET\n', 'R: RSET\\n'],
  ])('%j becomes %j', (line, step) => {
    expect(scrubCommand(line, facts).step).toBe(step);
  });
});

test('a part of a split message keeps its number, and loses its id and what it says', () => {
  const scrubber = createTextScrubber();
  const text =
    'From: a@site.de\r\nContent-Type: message/partial; id="site-4711"; number=1; total=3\r\n\r\nSubject: x\r\n\r\ny\r\n';
  for (const byte of Buffer.from(text)) scrubber.take(Buffer.from([byte]));
  expect(scrubber.lines()).toEqual([
    'C: From: <{{from}}>',
    'C: Content-Type: message/partial; id="job"; number=1; total=3',
    ...['C:', 'C: Subject: Scan', 'C: Content-Type: application/pdf', 'C:'],
    expect.stringMatching(/^F: \d+$/),
    'C: .',
  ]);
});

test('a device that never comes ends the capture when its time is over, and one runs at a time', async () => {
  const clock = createFakeClock();
  const captures = createCaptures(clock);
  const request = { address: '192.0.2.21', waitMs: 1000, prefixes: [] };
  const first = captures.capture(request);
  expect(captures.capture(request)).toBeNull();
  expect(captures.recorderFor('192.0.2.22')).toBeNull();
  await clock.advance(1000);
  expect(await first).toEqual({ lines: [], sessions: 0, delivered: 0 });
  expect(captures.recorderFor('192.0.2.21')).toBeNull();
});

test('whoever has gone before the capture begins holds up nobody', async () => {
  const captures = createCaptures(createFakeClock());
  const request = { address: '192.0.2.21', waitMs: 60_000, prefixes: [] };
  const gone = captures.capture({ ...request, signal: AbortSignal.abort() });
  expect(captures.capture(request)).not.toBeNull();
  expect(await gone).toMatchObject({ sessions: 0 });
});

test('a capture ends when whoever started it goes away, so that another can begin', async () => {
  site = await startSite({ devices: [DEVICE] });
  const socketPath = path.join(site.agent.directory, 'data', 'control.sock');
  const started = http.request({ socketPath, method: 'POST', path: '/v1/devices.capture' });
  started.on('error', () => {});
  started.end(JSON.stringify({ device: 'copier', seconds: 3600 }));
  const client = createControlClient(path.join(site.agent.directory, 'data'));
  const another = () =>
    client
      .call('devices.capture', { device: 'copier', seconds: 1 })
      .catch(({ explanation }) => explanation.code);
  await expect.poll(another).toBe('devices.capture-busy');
  started.destroy();
  await expect.poll(another, { timeout: 20_000 }).toMatchObject({ sessions: 0 });
});
