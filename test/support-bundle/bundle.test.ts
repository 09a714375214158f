/** A bundle of a real box with secrets, names and mail planted everywhere: what is unpacked is looked through for each. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSecretStore } from '../../src/config/secret-store.ts';
import { createControlClient } from '../../src/control/client.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { sendScan } from '../../src/sandbox/device.ts';
import { type ChildSite, runScanferry, startChildSite } from '../support/child-site.ts';
import { runOrThrow } from '../support/processes.ts';
import { UNASKABLE_NAME } from '../support/unaskable-name.ts';

const SECRETS = {
  literal: 'pw-in-the-config',
  file: 'pw-in-a-file',
  env: 'pw-in-the-environment',
  store: 'pw-in-the-store',
  unused: 'pw-that-no-config-names',
};
const MAIL = { subject: 'Kündigung Meier', body: 'the page itself' };
/** In any spelling of capitals. */
const NAMES = [
  'anna@contoso.com',
  'contoso',
  'kopierer-gf',
  'fabrikam',
  'woodgrove',
  'niederlassung',
  'hh-nord',
  'scan-login',
  '10.77.4.21',
  '2001:db8:77::21',
  'mfp-4711',
];

let folder: string;
let site: ChildSite;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-support-'));
  const dataDir = path.join(folder, 'data');
  const store = openSecretStore(dataDir);
  store.write('mqtt', SECRETS.store);
  store.write('old', SECRETS.unused);
  writeFileSync(path.join(folder, 'pw'), `${SECRETS.file}\n`);
  process.env['SUPPORT_TEST_PASSWORD'] = SECRETS.env;
  const login = (user: string, password: string) => `login: { user: ${user}, password: ${password} }`;
  site = await startChildSite({
    dataDir,
    devices: [
      `{ id: kopierer-gf, address: 10.77.4.21, ${login('scan-login', SECRETS.literal)} }`,
      `{ id: second, address: '2001:db8:77::21', ${login('two', `{ file: ${path.join(folder, 'pw')} }`)} }`,
      `{ id: third, address: 10.77.4.23, ${login('three', '{ env: SUPPORT_TEST_PASSWORD }')} }`,
    ],
    more: [
      `mqtt: { url: "mqtts://${UNASKABLE_NAME}:8883", username: hh-nord, password: { secret: mqtt } }`,
      'notices: { to: [it@woodgrove.example] }',
    ],
  });
  for (const to of ['anna@contoso.com', 'reply-550-5.1.10@contoso.com']) {
    await sendScan({
      connect: { host: '127.0.0.1', port: site.port },
      tls: 'none',
      hello: { verb: 'EHLO', name: 'MFP-4711' },
      from: 'niederlassung@contoso.com',
      to: [to],
      message: Buffer.from(`Subject: ${MAIL.subject}\r\n\r\n${MAIL.body}\r\n`),
    });
  }
  await site.agent.waitFor(
    () => (/"event":"message\.failed"/.test(site.agent.stdout()) ? true : null),
    'failure',
  );
}, 60_000);
afterAll(async () => {
  site.agent.signal('SIGCONT');
  await site.stop();
  delete process.env['SUPPORT_TEST_PASSWORD'];
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
async function bundle(...args: string[]): Promise<Record<string, string>> {
  const out = path.join(folder, `bundle-${count++}.tar.gz`);
  const made = await site.scanferry('support-bundle', '--out', out, '--data', site.dataDir, ...args);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain(`wrote ${out}, `);
  return unpack(out);
}

/** Names without the folder, and what each holds. */
async function unpack(file: string): Promise<Record<string, string>> {
  const target = mkdtempSync(path.join(folder, 'unpacked-'));
  await runOrThrow('tar', ['-xzf', file, '-C', target]);
  const [inside = ''] = readdirSync(target);
  expect(inside).toMatch(/^scanferry-support-\d{8}-\d{6}$/);
  const names = readdirSync(path.join(target, inside));
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(path.join(target, inside, name), 'utf8')]),
  );
}

function expectNothingOf(files: Record<string, string>, words: readonly string[]): void {
  const found = Object.entries(files).flatMap(([name, text]) =>
    words
      .filter((word) => text.toLowerCase().includes(word.toLowerCase()))
      .map((word) => `${word} in ${name}`),
  );
  expect(found).toEqual([]);
}

const NEVER = [...Object.values(SECRETS), ...Object.values(MAIL)];
const WHOLE = [
  'check.txt',
  'config.yaml',
  'doctor.json',
  'events.jsonl',
  'health.json',
  'log.jsonl',
  'manifest.json',
  'sizes.json',
  'spool.json',
  'status.json',
  'versions.json',
];

describe('the bundle of a running agent', () => {
  test('has every part, tells what each is, and names nobody', async () => {
    const files = await bundle();
    expect(Object.keys(files).sort()).toEqual(WHOLE);
    expectNothingOf(files, [...NEVER, ...NAMES]);
    const manifest = JSON.parse(files['manifest.json'] ?? '');
    expect(manifest).toMatchObject({
      agent: 'running',
      missing: [],
      replaced: { person: expect.any(Number) },
    });
    expect(manifest.files.map((file: { name: string }) => file.name).sort()).toEqual(
      WHOLE.filter((name) => name !== 'manifest.json'),
    );
    // What helps is there: the reply, the schema, the config, the log.
    expect(files['events.jsonl']).toMatch(/"type":"message\.failed".*5\.1\.10/);
    expect(JSON.parse(files['versions.json'] ?? '')).toMatchObject({
      spoolSchema: expect.any(Number),
      node: process.version,
    });
    expect(files['config.yaml']).toContain('password: "[secret]"');
    expect(files['config.yaml']).toContain('secret: mqtt');
    expect(files['log.jsonl']).toContain('"event":"message.accepted"');
    expect(files['sizes.json']).toContain('"name": "spool.db"');
    expect(files['check.txt']).toContain('the secret stands in the config file itself');
  });

  test('calls the same by the same name in each file', async () => {
    const files = await bundle();
    const [, device = ''] = /id: (device-\d+)/.exec(files['config.yaml'] ?? '') ?? [];
    expect(files['health.json']).toContain(`"${device}"`);
    const [, domain = ''] = /domain: (domain-\d+\.invalid)/.exec(files['config.yaml'] ?? '') ?? [];
    expect(files['events.jsonl']).toContain(`@${domain}"`);
    expect(files['log.jsonl']).toContain(`@${domain}"`);
  });

  test('keeps addresses when asked to, and secrets and mail never', async () => {
    const files = await bundle('--with-addresses');
    expectNothingOf(files, NEVER);
    expect(files['events.jsonl']).toContain('anna@contoso.com');
    expect(files['config.yaml']).toContain('10.77.4.21');
  });

  test('can be fetched in parts that fit an answer over MQTT, and only the newest are kept', async () => {
    const client = createControlClient(site.dataDir);
    const { name, parts, file } = await client.call('support-bundle', {});
    const fetched: Buffer[] = [];
    for (let part = 1; part <= parts; part++) {
      const { content } = await client.call('support-bundle.part', { name, part });
      expect(content.length).toBeLessThan(LIMITS.commandResultBytesMax - 1024);
      fetched.push(Buffer.from(content, 'base64'));
    }
    const bytes = Buffer.concat(fetched);
    expect(readFileSync(file)).toEqual(bytes);
    expectNothingOf({ all: gunzipSync(bytes).toString() }, [...NEVER, ...NAMES]);
    await expect(client.call('support-bundle.part', { name, part: parts + 1 })).rejects.toThrow(
      'There is no part',
    );
    await expect(client.call('support-bundle.part', { name: '../x', part: 1 })).rejects.toThrow(
      'There is no part',
    );
    const folder = path.join(site.dataDir, 'support');
    for (const old of ['a', 'b', 'c', 'd'])
      writeFileSync(path.join(folder, `scanferry-support-2000-${old}.tar.gz`), '');
    await client.call('support-bundle', {});
    expect(readdirSync(folder)).toHaveLength(LIMITS.supportBundlesKept);
  });

  test('is made without the agent when that hangs, and says so', async () => {
    site.agent.signal('SIGSTOP');
    try {
      const files = await bundle('--wait', '1');
      expectNothingOf(files, [...NEVER, ...NAMES]);
      const manifest = JSON.parse(files['manifest.json'] ?? '');
      expect(manifest.agent).toBe('not answering');
      expect(manifest.missing.map(({ name }: { name: string }) => name)).toEqual([
        ...['status.json', 'health.json', 'spool.json', 'events.jsonl'],
      ]);
    } finally {
      site.agent.signal('SIGCONT');
    }
  });
});

describe('the bundle of a box whose agent is stopped', () => {
  beforeAll(() => site.agent.stop());

  test('has the log, the events and the spool all the same', async () => {
    const files = await bundle();
    expectNothingOf(files, [...NEVER, ...NAMES]);
    expect(Object.keys(files).sort()).toEqual(
      WHOLE.filter((name) => !['health.json', 'status.json'].includes(name)),
    );
    expect(files['log.jsonl']).toContain('"event":"agent.stopped"');
    expect(files['events.jsonl']).toContain('"type":"message.delivered"');
    expect(JSON.parse(files['spool.json'] ?? '')).toMatchObject({
      inspection: { trouble: null },
      schemaVersion: 3,
    });
  });

  test('is made with a config that is no YAML, of which nothing is quoted', async () => {
    const whole = readFileSync(site.config, 'utf8');
    writeFileSync(site.config, `${whole}\nmqtt: { password: ${SECRETS.literal}\n`);
    try {
      const files = await bundle();
      expectNothingOf(files, [...NEVER, ...NAMES]);
      expect(files['config.yaml']).toBeUndefined();
      expect(files['check.txt']).toContain("the YAML can't be read");
    } finally {
      writeFileSync(site.config, whole);
    }
  });

  test('leaves out what stands under a misspelt key', async () => {
    const whole = readFileSync(site.config, 'utf8');
    appendFileSync(
      site.config,
      'web: { pasword: hunter2-is-my-password, port: 8080 }\nauth: hunter2-is-my-password\n',
    );
    try {
      const files = await bundle();
      expectNothingOf(files, [...NEVER, ...NAMES, 'hunter2']);
      expect(files['config.yaml']).toContain('port: 8080');
    } finally {
      writeFileSync(site.config, whole);
    }
  });

  test('is made of a damaged spool and of a box without its key, and says what is wrong', async () => {
    const spool = path.join(site.dataDir, 'spool.db');
    const key = path.join(site.dataDir, 'box.key');
    const [wholeSpool, wholeKey] = [readFileSync(spool), readFileSync(key)];
    writeFileSync(
      spool,
      Buffer.concat([wholeSpool.subarray(0, 1000), Buffer.alloc(wholeSpool.length - 1000, 7)]),
    );
    rmSync(key);
    try {
      const files = await bundle();
      expectNothingOf(files, [...MAIL.subject.split(' '), MAIL.body, ...NAMES]);
      expect(`${files['spool.json']}${files['manifest.json']}`).toMatch(/damage|malformed|not a database/);
      expect(files['check.txt']).toContain('the stored secrets');
    } finally {
      writeFileSync(spool, wholeSpool);
      writeFileSync(key, wholeKey);
    }
  });
});

test('a box where nothing is yet gets a bundle too', async () => {
  const empty = path.join(folder, 'empty');
  mkdirSync(empty);
  const out = path.join(empty, 'x.tar.gz');
  const made = await runScanferry([
    'support-bundle',
    '--out',
    out,
    '--data',
    path.join(empty, 'data'),
    '--config',
    path.join(empty, 'no.yaml'),
  ]);
  expect(made.code).toBe(0);
  expect(made.stdout).toContain("config.yaml is not in it: the config can't be read");
  expect(Object.keys(await unpack(out))).toContain('versions.json');
});

test('a file that is there already is not replaced, and one that can not be written is told in a sentence', async () => {
  const there = path.join(folder, 'there.tar.gz');
  writeFileSync(there, 'precious');
  const refused = await runScanferry(['support-bundle', '--out', there, '--data', folder]);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain(`There is a file ${there} already.`);
  expect(readFileSync(there, 'utf8')).toBe('precious');
  const nowhere = await runScanferry([
    'support-bundle',
    '--out',
    path.join(folder, 'no/such/x'),
    '--data',
    folder,
  ]);
  expect(nowhere).toMatchObject({ code: 1 });
  expect(nowhere.stderr).toContain('The support bundle could not be written to');
});
