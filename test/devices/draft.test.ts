/** The draft of a profile from what discovery and intake know of a device. */
import { expect, test } from 'vitest';
import { type DraftFacts, draftProfile } from '../../src/devices/draft.ts';
import { rawProfiles } from '../../src/profiles/catalogue.generated.ts';
import { builtInCatalogue } from '../../src/profiles/catalogue.ts';
import { checkProfiles } from '../../src/profiles/check.ts';
import { createIdentifier } from '../../src/profiles/identify.ts';
import type { DeviceSignals } from '../../src/profiles/signals.ts';

const catalogue = builtInCatalogue();
const identify = createIdentifier(catalogue);

function factsOf(signals: DeviceSignals): DraftFacts {
  const { profile, model, firmware } = identify(signals);
  const parent = catalogue.get(profile ?? '') ?? null;
  return { catalogue, parent, model, firmware, signals, measured: null, day: '2026-11-29', version: '0.1.0' };
}

function faultsOf({ id, json }: ReturnType<typeof draftProfile>) {
  return checkProfiles([{ path: `${id}/profile.json`, text: JSON.stringify(json) }], rawProfiles);
}

const RICOH: DeviceSignals = {
  snmpSysDescr: 'RICOH MP C9999 1.10 / RICOH Network Printer C model S/N E174M123456 at 192.168.50.21',
  snmpSysObjectId: '1.3.6.1.4.1.367.1.1',
  dnssdHost: 'copier-berlin.local',
  tlsSubject: 'CN=copier-berlin',
};

test('a model of a known family becomes a variant of it, which its own rules name, without serial number or address', () => {
  const draft = draftProfile(factsOf(RICOH));
  expect(draft.json).toMatchObject({
    variantOf: expect.stringMatching(/^ricoh\//),
    match: { minScore: 100 },
  });
  expect(draft.id).toMatch(/^ricoh\/.*c9999/);
  expect(faultsOf(draft)).toEqual([]);
  const text = JSON.stringify(draft);
  for (const secret of ['E174M123456', '192.168.50.21', 'berlin']) expect(text).not.toContain(secret);
  expect(draft.todo.join('\n')).toContain('FILL IN');
});

test('a device of nobody yet says what is missing', () => {
  const draft = draftProfile(
    factsOf({ snmpSysDescr: 'Frobnicator 3000 multifunction', snmpSysObjectId: '1.3.6.1.4.1.99999.1' }),
  );
  expect(draft.id).toBe('fill-in-vendor/fill-in-model');
  expect(draft.todo.join('\n')).toMatch(/Fill in the model[\s\S]*vendor and kind/);
  expect(faultsOf(draft)).toEqual([]);
});

test('a device that answered no question has no rules, and is told what to do for them', () => {
  const draft = draftProfile(factsOf({ ehlo: 'copier' }));
  expect(draft.json).not.toHaveProperty('match');
  expect(draft.todo.join('\n')).toContain('scanferry discover');
});
