/** `scanferry profiles`: what it prints, fits, and ends with. Needs neither agent nor config. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { cliRun } from '../support/cli.ts';

const PROFILES = path.resolve(import.meta.dirname, '../../firmware-profiles');
const catalogue = builtInCatalogue();
const profiles = (...argv: string[]) => cliRun(['profiles', ...argv], { profiles: () => catalogue });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-profiles-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('list', () => {
  test('shows every profile, and fits the terminal without cutting an id', async () => {
    const { code, text } = await cliRun(['profiles', 'list'], { profiles: () => catalogue, width: 80 });
    expect(code).toBe(0);
    const lines = text.split('\n');
    for (const id of catalogue.keys())
      expect(
        lines.some((line) => line.startsWith(`${id} `)),
        id,
      ).toBe(true);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('shows those that a word fits, by other names too', async () => {
    expect((await profiles('list', 'imageRUNNER')).text).toMatch(/^canon\/ir /m);
    const { code, text } = await profiles('list', 'typewriter');
    expect({ code, text }).toEqual({
      code: 1,
      text: 'No profile has typewriter in its name; `scanferry profiles list` shows all.',
    });
  });

  test('gives scripts one row a profile', async () => {
    const { json } = await profiles('--json', 'list');
    expect(json).toHaveLength(catalogue.size);
    expect(json).toContainEqual(expect.objectContaining({ id: 'savin/mp', status: 'stub' }));
  });
});

describe('show', () => {
  test('gives every claim a source, and every source once', async () => {
    const { code, text } = await profiles('show', 'fuji-xerox/apeosport-iv');
    expect(code).toBe(0);
    const [body = '', sources = ''] = text.split('\nSources\n');
    const named = [...body.matchAll(/\[(\d+)\]/g)].map(([, number]) => Number(number));
    const listed = [...sources.matchAll(/^ {2}\[(\d+)\] /gm)].map(([, number]) => Number(number));
    expect(listed).toEqual(listed.map((_, index) => index + 1));
    expect([...new Set(named)].sort((a, b) => a - b)).toEqual(listed);
    for (const line of body.split('\n').filter((text) => text.startsWith('  smtp.'))) {
      expect(body.slice(body.indexOf(line)), line).toMatch(/\[\d+\]/);
    }
    expect(body).toContain('TLS: no TLS, plain text [');
  });

  test('can print every profile there is', async () => {
    for (const id of catalogue.keys()) {
      const { code, text } = await profiles('show', id);
      expect(code, id).toBe(0);
      expect(text, id).not.toMatch(/undefined|\[object|NaN/);
    }
  });

  test('of a name nobody has ends with 2 and offers those like it', async () => {
    const { code, text } = await profiles('show', 'ricoh/im-c3000');
    expect(code).toBe(2);
    expect(text).toMatch(/^scanferry: No profile is named ricoh\/im-c3000\.\nDid you mean ricoh\/mp/);
  });
});

describe('match', () => {
  const RICOH = ['--sysdescr', 'RICOH MP C2503 1.35 / RICOH Network Printer C model'];

  test('says which profile, why, model and firmware, and how far the next one is', async () => {
    const { code, text } = await profiles('match', ...RICOH, '--oid', '1.3.6.1.4.1.367.1.1');
    expect(code).toBe(0);
    expect(text).toMatch(
      /^identified: It is ricoh\/mp-c2503, because sysDescr begins with 'RICOH MP C2503 '/,
    );
    expect(text).toMatch(/^ {2}model +MP C2503\n {2}firmware +1\.35$/m);
    expect(text).toMatch(/^ricoh\/mp-c2503 +110 +80 +identified$/m);
    expect(text).toMatch(/^ricoh\/mp +100 +80 +10 +identified$/m);
  });

  test('tells what an update would bring, where a source says so', async () => {
    const sysDescr = 'Xerox WorkCentre 7535; System Software 061.121.225.22300, ESS 061.120.21602';
    const { json } = await profiles(
      '--json',
      'match',
      '--sysdescr',
      sysDescr,
      '--oid',
      '1.3.6.1.4.1.253.8.62.1.1',
    );
    expect(json).toMatchObject({
      profile: 'xerox/workcentre',
      advice: [expect.stringContaining('Update its firmware')],
    });
  });

  test('takes any other signal, an SNMP value, and a hardware address', async () => {
    const { json } = await profiles(
      ...['--json', 'match', '--oui', '00:26:73:12:34:56', '--ehlo', 'RNP002673123456'],
      ...['--snmp', '.1.3.6.1.2.1.25.3.2.1.3.1=RICOH IM C3000', '--host', 'RNP002673123456.local'],
    );
    expect(json).toMatchObject({ verdict: 'identified', profile: 'ricoh/mp' });
  });

  test('ends with 1 where nothing is sure enough, and says so', async () => {
    const { code, text } = await profiles('match', '--ehlo', 'RNP002673123456');
    expect(code).toBe(1);
    expect(text).toMatch(/^unknown: The hints are too weak; the best is ricoh\/mp, because greeting /);
  });

  test.each([
    [[], 'Give at least one thing that the device says, such as --sysdescr.'],
    [['--snmp', 'sysName=x'], '--snmp takes a numeric OID and a text, as OID=TEXT, and not sysName=x.'],
  ])('refuses %j in a sentence', async (argv, says) => {
    const { code, text } = await profiles('match', ...argv);
    expect(code).toBe(2);
    expect(text).toBe(`scanferry: ${says}\n\`scanferry profiles match --help\` shows how.`);
  });
});

describe('check', () => {
  test('of the built-in profiles, the whole folder, one vendor and one profile finds nothing', async () => {
    expect(await profiles('check')).toMatchObject({
      code: 0,
      text: `${catalogue.size} profiles and 0 sessions: all good`,
    });
    expect((await profiles('check', PROFILES)).text).toMatch(/^\d+ profiles and \d+ sessions: all good$/);
    expect(await profiles('check', path.join(PROFILES, 'savin'))).toMatchObject({ code: 0 });
    expect(await profiles('check', path.join(PROFILES, 'ricoh/mp'))).toMatchObject({
      code: 0,
      text: '1 profile and 2 sessions: all good',
    });
  });

  test('of a draft tells every fault with its file, and ends with 1', async () => {
    const draft = path.join(folder, 'acme', 'scan');
    cpSync(path.resolve(import.meta.dirname, '../profiles/bad/25-private-data/profiles/acme/scan'), draft, {
      recursive: true,
    });
    writeFileSync(path.join(draft, 'session-send.txt'), 'hello\n');
    const { code, text } = await profiles('check', draft);
    expect(code).toBe(1);
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^acme\/scan\/profile\.json: holds what looks like the serial number /),
      expect.stringMatching(/^acme\/scan\/profile\.json: holds the hardware address /),
      'acme/scan/session-send.txt: does not begin with # and what it shows',
      '',
      '1 profile and 1 session: 3 faults',
    ]);
    const asJson = await profiles('--json', 'check', draft);
    expect(asJson).toMatchObject({ code: 1, json: { profiles: 1, sessions: 1 } });
  });

  test.each([
    ['is not there', 'missing'],
    ['is empty', ''],
  ])('of a folder that %s ends with 2 and a sentence', async (_what, name) => {
    const empty = path.join(mkdtempSync(path.join(folder, 'empty-')), name);
    const { code, text } = await profiles('check', empty);
    expect(code).toBe(2);
    expect(text).toMatch(
      /^scanferry: The folder .* can't be read as profiles \(.*\)\.\nName a folder that holds /,
    );
  });
});
