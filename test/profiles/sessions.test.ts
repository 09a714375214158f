/** Every dialogue of the catalogue, replayed over real sockets against a whole agent whose device has that profile. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemClock } from '../../src/core/clock.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { readProfileFolder } from '../../src/profiles/read-folder.ts';
import { parseSession, type Session } from '../../src/profiles/session-file.ts';
import type { DeviceProfile } from '../../src/profiles/types.ts';
import { type ReplayResult, replaySession } from '../support/replay.ts';
import { type Site, startSite } from '../support/site.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../firmware-profiles');
const LOGIN = { user: 'scanner', password: 'Sheet16Letters9' };

interface Case {
  name: string;
  profile: DeviceProfile;
  session: Session;
  /** Address the device comes from, its own for each dialogue. */
  address: string;
  recipient: string;
}

const catalogue = builtInCatalogue();
const cases = readProfileFolder(FOLDER)
  .filter(({ path: name }) => !name.endsWith('.json'))
  .map(({ path: name, text }, index): Case => {
    const profile = catalogue.get(path.dirname(name));
    const parsed = parseSession(text);
    if (profile === undefined || 'fault' in parsed) throw new Error(`${name} can't be replayed`);
    const { session } = parsed;
    return {
      name,
      profile,
      session,
      address: `127.0.1.${index + 1}`,
      recipient: `s${index + 1}@contoso.com`,
    };
  });

let site: Site;
beforeAll(async () => {
  site = await startSite({
    listeners: [
      '{ address: 127.0.0.1, port: 0, tls: auto, floor: legacy }',
      '{ address: 127.0.0.1, port: 0, tls: implicit, floor: legacy }',
    ],
    devices: cases.map(
      ({ profile, address }, index) =>
        `{ id: device-${index + 1}, address: ${address}, profile: ${profile.id}, login: { user: ${LOGIN.user}-${index + 1}, password: ${LOGIN.password} } }`,
    ),
  });
});
afterAll(() => site.stop());

/** A device that is set to a port of its own for TLS is given one; the others find their way at an `auto` port. */
function listenerFor({ profile, session }: Case): number {
  const [first] = session.steps;
  const isImplicit = first?.kind === 'tls' && first.mode === 'implicit';
  return isImplicit && profile.tls?.mode !== 'implicit' ? 1 : 0;
}

function replay(one: Case): Promise<ReplayResult> {
  return replaySession({
    connect: {
      host: '127.0.0.1',
      port: site.agent.port(listenerFor(one)),
      localAddress: one.address,
    },
    steps: one.session.steps,
    boxName: 'scanferry.local',
    login: { ...LOGIN, user: `${LOGIN.user}-${cases.indexOf(one) + 1}` },
    from: 'copier@contoso.com',
    recipient: one.recipient,
    clock: createSystemClock(0),
  });
}

describe('a dialogue of the catalogue goes as written, and its messages arrive', () => {
  test.each(cases)('$name: $session.title', async (one) => {
    const { failure, tls, transcript } = await replay(one);
    expect(failure, transcript.join('\n')).toBeNull();

    const wanted = one.session.steps.findLast((step) => step.kind === 'tls');
    if (wanted?.kind === 'tls') {
      const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
      const spoken = versions.indexOf(tls?.protocol ?? '');
      expect(spoken).toBeGreaterThanOrEqual(versions.indexOf(wanted.min ?? 'TLSv1'));
      expect(spoken).toBeLessThanOrEqual(versions.indexOf(wanted.max ?? 'TLSv1.3'));
    } else expect(tls).toBeNull();

    const { delivers } = one.session;
    const arrived = () =>
      site.sandbox.received().filter(({ recipients }) => recipients.includes(one.recipient));
    await site.agent.when(
      async () => (arrived().length >= delivers ? true : null),
      `${delivers} messages for ${one.recipient}`,
    );
    const kept = await site.kept(one.recipient);
    const delivered = kept.filter(({ recipients }) => recipients.every(({ state }) => state === 'delivered'));
    expect(arrived()).toHaveLength(delivers);
    expect(delivered.length).toBeLessThanOrEqual(delivers);
    // Nothing is lost: what was taken and not delivered waits for a person, or was joined to what arrived.
    for (const { recipients } of kept) {
      for (const { state } of recipients)
        expect(['delivered', 'held', 'cancelled', 'sending']).toContain(state);
    }
  });
});

test('a reply other than the written one is told with its step', async () => {
  const [one] = cases;
  if (one === undefined) throw new Error('there is no dialogue');
  const steps = [
    { kind: 'expect', code: 220, holds: null, lacks: null },
    { kind: 'send', text: 'NOOP' },
    { kind: 'expect', code: 354, holds: 'go on', lacks: null },
  ] as const;
  const result = await replay({ ...one, session: { ...one.session, steps: [...steps] } });
  expect(result.failure).toMatch(/^step 3: expected 354 go on, and got 250 /);
});

test('what a dialogue signs in with does not stand in its transcript', async () => {
  const signsIn = cases.find(({ name }) => name.startsWith('ricoh/mp/session-sign-in'));
  if (signsIn === undefined) throw new Error('the dialogue is gone');
  const { transcript } = await replay(signsIn);
  const text = transcript.join('\n');
  expect(text).toContain('C: ***');
  expect(text).not.toContain(LOGIN.password);
  expect(text).not.toContain(Buffer.from(LOGIN.password).toString('base64'));
});

test('every family whose way to send is known has a dialogue', () => {
  const withSession = new Set(cases.map(({ profile }) => profile.id));
  const families = ['ricoh/mp', 'canon/ir', 'xerox/workcentre', 'fuji-xerox/apeosport', 'hp/laserjet'];
  families.push('brother/mfc', 'epson/workforce', 'sharp/mx', 'lexmark/mx', 'dell/2335dn');
  families.push('konica-minolta/bizhub-i', 'fujitsu/network-scanner', 'apc/nmc2');
  families.push('generic/plain', 'generic/tls1.0', 'generic/implicit', 'generic/modern');
  expect(families.filter((id) => !withSession.has(id))).toEqual([]);
});
