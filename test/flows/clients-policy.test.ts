/** Who may send: logins, wrong passwords, strangers from other networks, devices nobody registered. */
import { afterEach, describe, expect, it } from 'vitest';
import { sendAsDevice } from '../support/clients/send-as-device.ts';
import type { Client, Mechanism, SendRequest, SendResult } from '../support/clients/types.ts';
import { CLIENTS } from '../support/clients.ts';
import { OFFICE_DEVICE, type OutsideSite, STRANGER, startOutsideSite } from '../support/outside-site.ts';
import { type Site, startSite } from '../support/site.ts';

const LOGIN = { user: 'copier-2f', password: 'two words & "quotes"' };
const DEVICE = `{ id: copier-2f, login: { user: ${LOGIN.user}, password: '${LOGIN.password}' } }`;
const MESSAGE = Buffer.from('From: copier@contoso.com\r\nSubject: Scan\r\n\r\nA page.\r\n');

let site: Site | null = null;
let outside: OutsideSite | null = null;
afterEach(async () => {
  await site?.stop();
  await outside?.stop();
  site = null;
  outside = null;
});

function send(on: Site, client: Client, changes: Partial<SendRequest>): Promise<SendResult> {
  return sendAsDevice(client, {
    host: '127.0.0.1',
    port: on.agent.port(),
    tls: 'none',
    sender: 'copier@contoso.com',
    recipients: ['anna@contoso.com'],
    message: MESSAGE,
    ...changes,
  });
}

const MECHANISMS: readonly Mechanism[] = ['PLAIN', 'LOGIN', 'CRAM-MD5'];
const SIGNING = [CLIENTS.swaks, CLIENTS.python, CLIENTS.msmtp, CLIENTS.curl];

describe('a device with a login', () => {
  it.each(SIGNING)('$name signs in with every mechanism and is known by its login', async (client) => {
    site = await startSite({ devices: [DEVICE] });
    for (const [index, mechanism] of MECHANISMS.entries()) {
      const recipient = `desk-${index}@contoso.com`;
      const login = { ...LOGIN, mechanism };
      const result = await send(site, client, { tls: 'starttls', login, recipients: [recipient] });
      expect(result, result.stderr).toMatchObject({ ok: true, code: 250 });
      await site.arrived(recipient);
      const [kept] = await site.kept(recipient);
      expect(kept?.head.device).toMatchObject({ id: 'copier-2f', login: LOGIN.user });
    }
  });

  it.each(SIGNING)('$name is told that its password is wrong, and nothing arrives', async (client) => {
    site = await startSite({ devices: [DEVICE] });
    for (const mechanism of MECHANISMS) {
      const login = { user: LOGIN.user, password: 'wrong', mechanism };
      const result = await send(site, client, { tls: 'implicit', login });
      expect(result, mechanism).toMatchObject({
        ok: false,
        code: 535,
        reply: '535 5.7.8 User name or password is wrong.',
      });
    }
    expect(await site.kept('anna@contoso.com')).toEqual([]);
  });

  it('has to wait after ten wrong passwords, even with the right one', async () => {
    site = await startSite({ devices: [DEVICE] });
    const withPassword = (on: Site, password: string) =>
      send(on, CLIENTS.swaks, { tls: 'none', login: { user: LOGIN.user, password, mechanism: 'PLAIN' } });
    for (let failure = 0; failure < 10; failure++) {
      expect(await withPassword(site, `guess ${failure}`)).toMatchObject({ code: 535 });
    }
    expect(await withPassword(site, LOGIN.password)).toMatchObject({
      ok: false,
      reply: '454 4.7.0 Too many wrong passwords, please wait ten minutes and try again.',
    });
  });
});

describe('outside the trusted networks', () => {
  const yaml = (devices: string) => `site: { id: outside }
dataDir: data
intake:
  listeners: [{ address: 0.0.0.0, port: 2525 }]
  trustedNetworks: [198.51.100.0/24]
  unknownDevices: accept
spool: { minFreeBytes: 0 }
devices: [${devices}]
routes: [{ id: direct, kind: direct-send, domain: contoso.com }]
`;
  const auth = (password: string) => [
    ...['--auth', 'PLAIN', '--auth-user', LOGIN.user, '--auth-password', password],
  ];

  it('a stranger is turned away at the door while nobody has a login; the office is served', async () => {
    outside = await startOutsideSite(yaml(''));
    for (const args of [[], ['--tls']]) {
      const stranger = await outside.swaks(STRANGER, args);
      expect(stranger.stdout).toContain('554 5.7.1 This box does not take mail from your network.');
      expect(stranger.code).not.toBe(0);
    }
    expect((await outside.swaks(OFFICE_DEVICE, [])).code).toBe(0);
  });

  it('only a login over TLS opens the way', async () => {
    outside = await startOutsideSite(yaml(DEVICE));
    const tries: [string[], string][] = [
      [[], '530 5.7.0 Turn on TLS (also called SSL) and sign-in in the mail settings of this device.'],
      [
        ['--tls'],
        '530 5.7.0 Sign in first: enter user name and password in the mail settings of this device.',
      ],
      [['--tls-on-connect'], '530 5.7.0 Sign in first: enter user name and password'],
      [['--tls', ...auth('wrong')], '535 5.7.8 User name or password is wrong.'],
    ];
    for (const [args, reply] of tries) {
      let stranger = await outside.swaks(STRANGER, args);
      // On a busy machine the hello may come later than an auto port waits for it: then the next try is waited for.
      const isLate = args.includes('--tls-on-connect') && !stranger.stdout.includes(reply);
      if (isLate) stranger = await outside.swaks(STRANGER, args);
      expect(stranger.stdout).toContain(reply);
      expect(stranger.code).not.toBe(0);
    }
    const inClear = await outside.swaks(STRANGER, auth(LOGIN.password));
    // A password must not even be asked for: the client finds no AUTH in the greeting.
    expect(inClear.stdout).not.toMatch(/^<[-~][* ] +250[- ]AUTH/m);
    expect(inClear.code).not.toBe(0);
    expect((await outside.swaks(STRANGER, ['--tls', ...auth(LOGIN.password)])).code).toBe(0);
  });
});

describe('a device that nobody registered', () => {
  it('is served where the site accepts such devices', async () => {
    site = await startSite({ intake: ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: accept'] });
    expect((await send(site, CLIENTS.swaks, {})).ok).toBe(true);
    await site.arrived('anna@contoso.com');
  });

  it('is refused with a sentence where the site rejects them', async () => {
    site = await startSite({ intake: ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: reject'] });
    expect(await send(site, CLIENTS.msmtp, {})).toMatchObject({
      ok: false,
      reply: '550 5.7.1 This device is not registered, please ask your IT department to add it.',
    });
    expect(await site.kept('anna@contoso.com')).toEqual([]);
  });

  it('is accepted and its mail held until a person releases it', async () => {
    site = await startSite({ intake: ['trustedNetworks: [127.0.0.0/8]', 'unknownDevices: hold'] });
    expect((await send(site, CLIENTS.curl, {})).ok).toBe(true);
    const [held] = await site.kept('anna@contoso.com');
    expect(held?.recipients).toMatchObject([{ state: 'held', code: 'intake.device-held' }]);
    expect(site.sandbox.received()).toEqual([]);
    const { spool, dispatch } = site.agent.agent.rooms;
    expect(await spool.act('release', { ids: [held?.head.id ?? ''] }, 'test')).toMatchObject({ changed: 1 });
    dispatch.wake();
    await site.arrived('anna@contoso.com');
  });
});
