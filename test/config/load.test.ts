/** A good config: defaults, paths, secrets and warnings. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBoxKey } from '../../src/config/box-key.ts';
import { checkConfig, loadConfig } from '../../src/config/load.ts';
import { locateDataDir } from '../../src/config/locate.ts';
import { openSecretStore } from '../../src/config/secret-store.ts';
import { readYaml } from '../../src/config/yaml-file.ts';
import { OperatorError } from '../../src/core/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'scanferry-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const file = path.join(folder, 'scanferry.yaml');
  writeFileSync(file, text);
  return file;
}

function load(text: string) {
  return loadConfig({ file: write(text), env: { MAIL_PASSWORD: 'from-env' }, profileIds: ['generic/plain'] });
}

const MINIMAL = `
site: { id: berlin-hq }
dataDir: data
routes:
  - { id: mailbox, kind: submission, mailbox: scanner@contoso.com, auth: { kind: basic, password: { env: MAIL_PASSWORD } } }
`;

describe('a good config', () => {
  test('fills in the defaults of every room', () => {
    const { config, warnings } = load(MINIMAL);
    expect(warnings).toEqual([]);
    expect(config.intake.listeners.map((listener) => [listener.port, listener.tls, listener.floor])).toEqual([
      [25, 'auto', 'legacy'],
      [465, 'implicit', 'legacy'],
    ]);
    expect(config.intake.unknownDevices).toBe('hold');
    expect(config.spool).toMatchObject({ maxAgeHours: 96, historyDays: 90, encrypt: true });
    expect(config.routes[0]).toMatchObject({
      host: 'smtp.office365.com',
      port: 587,
      rewriteSender: 'if-needed',
    });
  });

  test('sends every recipient by the routes in their order when routing is left out', () => {
    expect(load(MINIMAL).config.routing).toEqual([{ use: ['mailbox'] }]);
  });

  test('takes a relative dataDir from the folder of the config file', () => {
    expect(load(MINIMAL).config.dataDir).toBe(path.join(folder, 'data'));
  });

  test('lets --data win over dataDir', () => {
    const { config } = loadConfig({
      file: write(MINIMAL),
      dataDir: '/elsewhere',
      env: { MAIL_PASSWORD: 'x' },
      profileIds: [],
    });
    expect(config.dataDir).toBe('/elsewhere');
  });

  test('reads a secret from the environment and never prints it', () => {
    const { config } = load(MINIMAL);
    const [route] = config.routes;
    if (route?.kind !== 'submission' || route.auth.kind !== 'basic')
      throw new Error('expected a basic submission');
    expect(route.auth.password.reveal()).toBe('from-env');
    expect(JSON.stringify(config)).not.toContain('from-env');
    expect(`${route.auth.password}`).toBe('[secret]');
  });

  test('reads a secret from the store of the box', () => {
    openSecretStore(path.join(folder, 'data')).write('m365', 'stored value');
    const { config } = load(MINIMAL.replace('env: MAIL_PASSWORD', 'secret: m365'));
    const [route] = config.routes;
    if (route?.kind !== 'submission' || route.auth.kind !== 'basic')
      throw new Error('expected a basic submission');
    expect(route.auth.password.reveal()).toBe('stored value');
  });

  test('reads a secret from a file without its last newline', () => {
    writeFileSync(path.join(folder, 'password.txt'), 'line one\n');
    const { config } = load(MINIMAL.replace('env: MAIL_PASSWORD', 'file: password.txt'));
    const [route] = config.routes;
    if (route?.kind !== 'submission' || route.auth.kind !== 'basic')
      throw new Error('expected a basic submission');
    expect(route.auth.password.reveal()).toBe('line one');
  });

  test('warns about a secret that stands in the file', () => {
    const { warnings } = load(MINIMAL.replace('{ env: MAIL_PASSWORD }', 'plain-in-file'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toContain('scanferry secret set');
    expect(warnings[0]?.message).not.toContain('plain-in-file');
  });

  test('warns about a rule that is never reached', () => {
    const { warnings } = load(
      `${MINIMAL}routing:\n  - { use: [mailbox] }\n  - { recipients: [contoso.com], use: [mailbox] }\n`,
    );
    expect(warnings.map((warning) => [warning.key, warning.line])).toEqual([['routing[1]', 8]]);
  });

  test('warns when recipients of other domains would have no route', () => {
    const { warnings } = load(`${MINIMAL}routing:\n  - { recipients: [contoso.com], use: [mailbox] }\n`);
    expect(warnings[0]?.message).toContain('no route');
  });

  test('may have tabs inside a text, behind a value, and in lines that say nothing', () => {
    const tabs = `spool:\t# Scans.\n\t# A week.\n  historyDays:\t7\t\n\t\nmail:\n  hostname: "a\tb"\n`;
    expect(readYaml('scanferry.yaml', tabs)).toMatchObject({
      data: { spool: { historyDays: 7 }, mail: { hostname: 'a\tb' } },
      problems: [],
    });
  });

  test('does not create the data folder by being checked', () => {
    checkConfig({ file: write(MINIMAL), env: { MAIL_PASSWORD: 'x' }, profileIds: [] });
    expect(() => statSync(path.join(folder, 'data'))).toThrow(/ENOENT/);
  });
});

test('a config that is not there is one clear sentence with exit code 2', () => {
  expect.assertions(2);
  try {
    loadConfig({ file: path.join(folder, 'none.yaml'), env: {}, profileIds: [] });
  } catch (error) {
    expect(error).toMatchObject({ exitCode: 2, explanation: { code: 'config.missing' } });
    expect((error as OperatorError).explanation.advice).toContain('--config');
  }
});

test('commands find the data folder of a config even if the rest of it is broken', () => {
  const file = write('dataDir: here\nroutes: 7\n');
  expect(locateDataDir({ config: file, env: {} })).toBe(path.join(folder, 'here'));
  expect(locateDataDir({ config: file, env: { SCANFERRY_DATA: '/given' } })).toBe('/given');
});

test('commands refuse a named config that is not there, instead of looking for another agent', () => {
  expect.assertions(1);
  try {
    locateDataDir({ config: path.join(folder, 'none.yaml'), env: {} });
  } catch (error) {
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining('none.yaml') });
  }
});

describe('the secret store', () => {
  test('keeps values sealed and only for the owner', () => {
    const store = openSecretStore(folder);
    store.write('m365', 'very secret');
    expect(store.read('m365')).toBe('very secret');
    expect(store.names()).toEqual(['m365']);
    expect(readFileSync(path.join(folder, 'secrets.json'), 'utf8')).not.toContain('very secret');
    for (const name of ['secrets.json', 'box.key']) {
      expect(statSync(path.join(folder, name)).mode & 0o777).toBe(0o600);
    }
  });

  test('does not open a value that was moved to another name', () => {
    const store = openSecretStore(folder);
    store.write('a', 'one');
    const file = path.join(folder, 'secrets.json');
    const entries = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
    writeFileSync(file, JSON.stringify({ b: entries['a'] }));
    expect(() => store.read('b')).toThrow(OperatorError);
  });

  test('says what to do when the box key is gone', () => {
    const store = openSecretStore(folder);
    store.write('a', 'one');
    rmSync(path.join(folder, 'box.key'));
    expect(() => store.read('a')).toThrow(/can't be opened with this box's key/);
    expect(() => store.write('b', 'two')).toThrow(/box\.key is gone, and secrets\.json beside it/);
  });

  test('forgets what is removed', () => {
    const store = openSecretStore(folder);
    store.write('a', 'one');
    expect(store.remove('a')).toBe(true);
    expect(store.remove('a')).toBe(false);
    expect(store.read('a')).toBeUndefined();
  });
});

describe('the box key', () => {
  test('is made once', () => {
    expect(openBoxKey(folder)).toEqual(openBoxKey(folder));
  });

  test('is not made anew beside a spool: its scans could never be read again', () => {
    writeFileSync(path.join(folder, 'spool.db'), '');
    expect(() => openBoxKey(folder)).toThrow(/box\.key is gone, and spool\.db beside it can't be read/);
    expect(existsSync(path.join(folder, 'box.key'))).toBe(false);
  });

  test('that cannot be kept is one sentence about the data folder', () => {
    const file = path.join(folder, 'a-file');
    writeFileSync(file, '');
    expect(() => openBoxKey(path.join(file, 'data'))).toThrow(OperatorError);
    expect(() => openBoxKey(path.join(file, 'data'))).toThrow(/The data folder .* can't be used \(ENOTDIR/);
  });
});
