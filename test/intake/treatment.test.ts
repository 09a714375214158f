/** What a profile changes for its device, over sockets, and what a measurement changes in turn. */
import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { type Measured, measure } from '../../src/intake/measured.ts';
import type { SessionObservation } from '../../src/intake/observation.ts';
import { type KnownDevice, treatmentOf } from '../../src/intake/treatment.ts';
import type { DeviceKnowledge } from '../../src/intake/types.ts';
import { loadCatalogue } from '../../src/profiles/load-catalogue.ts';
import type { DeviceProfile } from '../../src/profiles/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type Box, type BoxOptions, ENVELOPE, startBox } from './support/box.ts';
import { type Client, connectImplicit, connectPlain, TLS10 } from './support/client.ts';
import { until } from './support/until.ts';

const ID = 'test/one';

function profileOf(behaviour: Record<string, unknown>): DeviceProfile {
  const evidence = { grade: 'inferred', source: 'made for this test', date: '2026-11-24' };
  const fields = Object.keys(behaviour).filter((part) => ['tls', 'smtp'].includes(part));
  const json = {
    ...{ id: ID, title: 'One', status: 'partial', ...behaviour },
    evidence: (fields.length > 0 ? fields : ['smtp']).map((field) => ({ ...evidence, field })),
  };
  const profile = loadCatalogue([{ path: `${ID}/profile.json`, json }]).get(ID);
  if (profile === undefined) throw new Error('the profile is gone');
  return profile;
}

const NOTHING = { profile: null, firmware: null, measured: null };

let box: Box;
afterEach(() => box?.stop());

/** A box whose device at 127.0.0.1 has that profile, given by the config. */
async function startWith(
  behaviour: Record<string, unknown>,
  options: BoxOptions & { known?: Partial<KnownDevice> } = {},
): Promise<SessionObservation[]> {
  const seen: SessionObservation[] = [];
  const { known, ...rest } = options;
  box = await startBox({
    listeners: [{ tls: 'auto' }],
    devices: [{ id: 'one', address: '127.0.0.1', profile: ID }],
    profiles: new Map([[ID, profileOf(behaviour)]]),
    knowledge: { of: () => ({ ...NOTHING, ...known }), observed: (one) => void seen.push(one) },
    ...rest,
  });
  return seen;
}

async function greeted(): Promise<Client> {
  const client = await connectPlain(box.port());
  await client.reply();
  return client;
}

/** The keywords of EHLO. */
async function offered(): Promise<string[]> {
  const client = await greeted();
  const lines = (await client.say('EHLO copier')).split('\n').slice(1);
  client.destroy();
  return lines.map((line) => line.slice(4).split(' ')[0] ?? '');
}

const LOGIN = { user: 'one', password: 'secret-1' };

describe('EHLO', () => {
  test.each([
    ['size', 'SIZE'],
    ['pipelining', 'PIPELINING'],
    ['eightBitMime', '8BITMIME'],
    ['starttls', 'STARTTLS'],
  ])('is answered without what `advertise.%s: false` hides', async (key, keyword) => {
    await startWith({ smtp: { advertise: { [key]: false } } });
    const all = ['PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES', 'SIZE', 'STARTTLS'];
    expect(await offered()).toEqual(all.filter((one) => one !== keyword));
  });

  test('offers the sign-in mechanisms of `advertise.auth` alone, and takes no other', async () => {
    await startWith(
      { smtp: { advertise: { auth: ['LOGIN'] } } },
      { devices: [{ id: 'one', address: '127.0.0.1', profile: ID, login: LOGIN }] },
    );
    const client = await greeted();
    expect(await client.say('EHLO copier')).toContain('AUTH LOGIN');
    expect(await client.say('AUTH PLAIN AG9uZQBzZWNyZXQtMQ==')).toContain('504 5.5.4');
  });

  test('goes by the profile of whoever has signed in', async () => {
    await startWith(
      { smtp: { advertise: { pipelining: false } } },
      { devices: [{ id: 'moved', profile: ID, login: LOGIN }] },
    );
    const client = await greeted();
    expect(await client.say('EHLO copier')).toContain('PIPELINING');
    expect(await client.say('AUTH PLAIN AG9uZQBzZWNyZXQtMQ==')).toContain('235');
    expect(await client.say('EHLO copier')).not.toContain('PIPELINING');
  });
});

describe('the waits of a profile', () => {
  const PLAIN: BoxOptions = { listeners: [{ tls: 'none' }] };

  test('cut a device that says nothing after `session.commandIdleMaxS`', async () => {
    const clock = createFakeClock();
    await startWith({ smtp: { session: { commandIdleMaxS: 30 } } }, { clock, ...PLAIN });
    const client = await greeted();
    await clock.advance(30_000);
    expect(await client.reply()).toContain('421');
    expect(await box.refusals()).toEqual(['intake.command-timeout']);
  });

  test('cut a device that goes silent inside a message after `session.dataIdleMaxS`', async () => {
    const clock = createFakeClock();
    const seen = await startWith({ smtp: { session: { dataIdleMaxS: 90 } } }, { clock, ...PLAIN });
    const client = await greeted();
    for (const line of ['EHLO copier', ...ENVELOPE, 'DATA']) await client.say(line);
    client.write('Subject: scan\r\n\r\npages');
    await until(() => box.spool.opened > 0, 'the text has come');
    await clock.advance(89_000);
    await clock.advance(2000);
    expect(await client.reply()).toContain('421');
    await client.closed;
    await until(() => seen.length > 0, 'the session has been observed');
    expect(seen[0]?.dataGapMs).toBeGreaterThanOrEqual(89_000);
  });
});

describe('the connections of a profile', () => {
  test('may be more than those of other devices', async () => {
    await startWith(
      { smtp: { session: { connectionsMax: 3 } } },
      { settings: { connectionsPerDevice: 1 }, listeners: [{ tls: 'none' }] },
    );
    const replies: string[] = [];
    for (let i = 0; i < 4; i += 1) replies.push(await (await connectPlain(box.port())).reply());
    expect(replies.map((reply) => reply.slice(0, 3))).toEqual(['220', '220', '220', '421']);
  });
});

describe('the TLS floor of a profile', () => {
  const evidence = { grade: 'inferred', source: 'made for this test', date: '2026-11-24' };
  const json = {
    ...{ id: ID, title: 'One', status: 'partial' },
    version: { from: [{ signal: 'snmpSysDescr', regex: 'FW (\\S+)' }], compare: 'dotted' },
    tls: { ranges: [{ firmware: { from: '5.0' }, floor: 'modern' }] },
    evidence: ['tls', 'version'].map((field) => ({ ...evidence, field })),
  };

  async function isRefused(firmware: string | null, measured: Measured | null = null): Promise<boolean> {
    box = await startBox({
      listeners: [{ tls: 'implicit' }],
      devices: [{ id: 'one', address: '127.0.0.1', profile: ID }],
      profiles: loadCatalogue([{ path: `${ID}/profile.json`, json }]),
      knowledge: { of: () => ({ profile: null, firmware, measured }), observed: () => {} },
    });
    try {
      await (await connectImplicit(box.port(), TLS10)).reply();
      return false;
    } catch {
      return true;
    }
  }

  test('refuses TLS 1.0 to the firmware of its range', async () => {
    expect(await isRefused('5.1')).toBe(true);
  });
  test.each([['4.9'], [null]])('leaves TLS 1.0 to firmware %s', async (firmware) => {
    expect(await isRefused(firmware)).toBe(false);
  });
  test('gives way to a device whose own hello offers TLS 1.0 alone', async () => {
    const hello = {
      format: 'v3' as const,
      newest: 'TLSv1' as const,
      versions: ['TLSv1' as const],
      suites: [47],
    };
    const measured = measure(null, { ...OBSERVED, start: 'implicit', hello });
    expect(await isRefused('5.1', measured)).toBe(false);
  });
});

const OBSERVED: SessionObservation = {
  ...{ at: 1, address: '127.0.0.1', device: null, start: 'plain', hello: null, tls: null },
  ...{ greeting: { verb: 'EHLO', name: 'copier' }, mechanism: null, messages: [], repairs: [], quirks: [] },
  ...{ commandGapMs: 0, dataGapMs: 0, hasQuit: true },
};

describe('a profile that was only recognised', () => {
  const identified = (behaviour: Record<string, unknown>): KnownDevice => ({
    ...NOTHING,
    profile: profileOf(behaviour),
    origin: 'identified',
  });

  test('is applied, and stands in the message', async () => {
    const profile = profileOf({ smtp: { advertise: { pipelining: false, starttls: false } } });
    const knowledge: DeviceKnowledge = { of: () => ({ ...NOTHING, profile }), observed: () => {} };
    box = await startBox({ listeners: [{ tls: 'auto' }], knowledge });
    const client = await greeted();
    const reply = await client.say('EHLO copier');
    expect(reply).not.toContain('PIPELINING');
    expect(reply).toContain('STARTTLS');
    for (const line of ENVELOPE) await client.say(line);
    expect(await client.data('Subject: x\r\n\r\ny')).toContain('250');
    expect(box.spool.messages[0]?.message.device.profile).toBe(ID);
  });

  test('neither hides encryption nor sign-in nor refuses an old version, nor tolerates what is refused elsewhere', () => {
    const treatment = treatmentOf(
      identified({
        tls: { floor: 'modern' },
        smtp: { advertise: { starttls: false, auth: ['LOGIN'] }, quirks: ['path-bare'] },
      }),
    );
    expect(treatment).toMatchObject({
      isModern: false,
      quirks: [],
      offers: { starttls: true, mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'] },
    });
  });

  test('makes the box wait longer, never shorter', () => {
    const short = treatmentOf(identified({ smtp: { session: { commandIdleMaxS: 10, dataIdleMaxS: 10 } } }));
    expect(short.commandIdleMaxMs).toBe(LIMITS.commandIdleMaxMs);
    const long = treatmentOf(identified({ smtp: { session: { commandIdleMaxS: 900, dataIdleMaxS: 1800 } } }));
    expect([long.commandIdleMaxMs, long.dataIdleMaxMs]).toEqual([900_000, 1_800_000]);
  });
});

describe('what was measured wins over the file', () => {
  const given = (behaviour: Record<string, unknown>, measured: Measured): KnownDevice => ({
    ...{ profile: profileOf(behaviour), origin: 'given', firmware: null, measured },
  });

  test('a longer pause makes the box wait twice as long', () => {
    const measured = measure(null, { ...OBSERVED, dataGapMs: 60_000 });
    const { dataIdleMaxMs } = treatmentOf(given({ smtp: { session: { dataIdleMaxS: 60 } } }, measured));
    expect(dataIdleMaxMs).toBe(120_000);
  });

  test('a mechanism that signed in is offered', () => {
    const measured = measure(null, { ...OBSERVED, mechanism: 'CRAM-MD5' });
    const { offers } = treatmentOf(given({ smtp: { advertise: { auth: ['LOGIN'] } } }, measured));
    expect(offers.mechanisms).toEqual(['LOGIN', 'CRAM-MD5']);
  });

  test('STARTTLS that worked is offered', () => {
    const tls = { protocol: 'TLSv1.2', cipher: 'X' };
    const measured = measure(null, { ...OBSERVED, start: 'starttls', tls });
    const file = { smtp: { advertise: { starttls: false } } };
    expect(treatmentOf(given(file, measured)).offers.starttls).toBe(true);
    const failed = measure(null, { ...OBSERVED, start: 'starttls', tls: null });
    expect(treatmentOf(given(file, failed)).offers.starttls).toBe(false);
  });

  test('a device said to start TLS at once gets its banner sooner after three plain sessions', () => {
    const file = { tls: { mode: 'implicit' } };
    let measured = measure(null, OBSERVED);
    expect(treatmentOf(given(file, measured)).bannerWait).toBe('long');
    for (let i = 0; i < 2; i += 1) measured = measure(measured, OBSERVED);
    expect(treatmentOf(given(file, measured)).bannerWait).toBe('usual');
  });

  test('a device said to speak in plain text is waited for once it has started TLS at once', () => {
    const measured = measure(null, { ...OBSERVED, start: 'implicit' });
    expect(treatmentOf(given({ tls: { mode: 'plain' } }, measured)).bannerWait).toBe('usual');
  });
});

describe('a session is observed', () => {
  test('with its hello, its greeting, its sign-in, its message and its goodbye', async () => {
    const seen = await startWith(
      {},
      { devices: [{ id: 'one', address: '127.0.0.1', login: LOGIN }], profiles: new Map() },
    );
    const client = await connectImplicit(box.port(), TLS10);
    await client.reply();
    for (const line of ['EHLO copier', 'AUTH PLAIN AG9uZQBzZWNyZXQtMQ==']) await client.say(line);
    for (const line of ENVELOPE) await client.say(line);
    await client.data('Subject: scan\r\n\r\npages\n');
    await client.say('QUIT');
    await client.closed;
    await until(() => seen.length > 0, 'the session has been observed');
    expect(seen[0]).toMatchObject({
      ...{ address: '127.0.0.1', device: 'one', start: 'implicit', mechanism: 'PLAIN', hasQuit: true },
      hello: { format: 'v3', versions: ['TLSv1'], suites: [47] },
      tls: { protocol: 'TLSv1', cipher: 'AES128-SHA' },
      greeting: { verb: 'EHLO', name: 'copier' },
      messages: [{ recipients: 1 }],
      repairs: expect.arrayContaining(['date', 'message-id']),
    });
  });

  test('without one word, it is not: somebody looked whether the box is there', async () => {
    const seen = await startWith({});
    const client = await greeted();
    client.destroy();
    await client.closed;
    const other = await greeted();
    await other.say('EHLO copier');
    other.destroy();
    await until(() => seen.length > 0, 'the session has been observed');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ greeting: { name: 'copier' }, hasQuit: false });
  });

  test('when its TLS fails, too', async () => {
    const seen = await startWith({}, { listeners: [{ tls: 'implicit', floor: 'modern' }] });
    await expect(connectImplicit(box.port(), TLS10)).rejects.toThrow();
    await until(() => seen.length > 0, 'the session has been observed');
    expect(seen[0]).toMatchObject({ start: 'implicit', tls: null, hello: { versions: ['TLSv1'] } });
  });
});
