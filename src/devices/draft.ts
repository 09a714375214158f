/** Drafts a profile for contribution from what was found, measured and captured of one device. Pure. */
import type { Measured } from '../intake/measured.ts';
import { createIdentifier } from '../profiles/identify.ts';
import { inherit } from '../profiles/inherit.ts';
import { privacyFaults } from '../profiles/privacy.ts';
import { SWITCHED_QUIRKS } from '../profiles/quirks.ts';
import type { SignalRule } from '../profiles/schema-match.ts';
import type { DeviceSignals } from '../profiles/signals.ts';
import { type Catalogue, type DeviceProfile, profileSchema } from '../profiles/types.ts';

export interface DraftFacts {
  catalogue: Catalogue;
  /** Profile that the device has, or is likely to have; null where nobody knows. */
  parent: DeviceProfile | null;
  model: string | null;
  firmware: string | null;
  signals: DeviceSignals;
  measured: Measured | null;
  /** Such as 2026-11-29. */
  day: string;
  version: string;
}

export interface Draft {
  id: string;
  /** profile.json. */
  json: Record<string, unknown>;
  /** What a person has to fill in or look at, one sentence each. */
  todo: string[];
}

const FILL_IN = 'FILL IN model and firmware as its panel shows them';
const MIN_SCORE = 100;

export function draftProfile(facts: DraftFacts): Draft {
  const { parent, model, day, version } = facts;
  const source = `${FILL_IN}; scanferry capture ${version} of one such device`;
  const evidence = (field: string) => ({ field, grade: 'captured', source, date: day });
  const signals = shareable(facts.signals, facts.model);
  const behaviour = behaviourOf(facts);
  const rules = rulesOf(signals, facts);
  const claims = [...Object.keys(behaviour), ...(rules.length < 2 ? [] : ['match'])];
  const id = `${parent?.id.split('/')[0] ?? 'fill-in-vendor'}/${slug(model) || 'fill-in-model'}`;
  const base = {
    $schema: '../../profile.schema.json',
    id,
    title: model ?? 'FILL IN the model',
    ...(parent?.vendor === undefined ? {} : { vendor: parent.vendor }),
    ...(parent?.kind === undefined ? {} : { kind: parent.kind }),
    ...(parent === null || parent.id === id ? {} : { variantOf: parent.id }),
    status: 'partial',
    lastReviewed: day,
    evidence: claims.map(evidence),
    ...(rules.length < 2 ? {} : { match: { signals: rules, minScore: MIN_SCORE } }),
    ...behaviour,
  };
  const vector = rules.length < 2 ? null : vectorOf(base, signals, { ...facts, source });
  const json = vector === null ? base : { ...base, testVectors: [vector.json] };
  return { id, json, todo: todoOf(facts, rules.length, vector?.fault ?? null) };
}

function todoOf({ parent, model, firmware }: DraftFacts, rules: number, fault: string | null): string[] {
  return [
    `Replace “${FILL_IN}” in each source by what the panel says.`,
    ...(model === null ? ['Fill in the model: the id, the folder and the title name it.'] : []),
    ...(parent === null ? ['Fill in vendor and kind, and variantOf where a family of it is known.'] : []),
    ...(firmware === null ? ['Say for which firmware it holds, where the panel shows one.'] : []),
    ...(rules >= 2
      ? []
      : ['Nothing recognises it yet: run `scanferry discover`, capture again, or add two signals by hand.']),
    ...(fault === null ? [] : [`Its rules do not name it yet: ${fault}`]),
    'Read the session: its form must be that of the device, and nothing in it may name a site.',
  ];
}

/** Signals without serial numbers, addresses and names; what can't be cleaned is left out. */
function shareable(signals: DeviceSignals, model: string | null): DeviceSignals {
  const { snmpSysDescr, snmpSysObjectId, ippMakeModel, dnssdTy, dnssdProduct, ouiVendor } = signals;
  const cleaned = { snmpSysDescr, snmpSysObjectId, ippMakeModel, dnssdTy, dnssdProduct, ouiVendor };
  const safe = Object.entries(cleaned).flatMap(([name, value]) => {
    const text = value === undefined ? '' : clean(value);
    return text === '' || privacyFaults(text).length > 0 ? [] : [[name, text]];
  });
  // A name that people gave the device would stand before its model.
  const { dnssdTy: ty, ...rest } = Object.fromEntries(safe) as DeviceSignals;
  return ty !== undefined && model !== null && ty.includes(model) ? { ...rest, dnssdTy: ty } : rest;
}

function clean(text: string): string {
  return text
    .replace(/\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi, '')
    .replace(/\b(S\/?N(?:umber)?|Serial(?: Number)?)(:? ?)([A-Z0-9-]{5,20})/gi, '$1$2XXXX')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b(?!\.)/g, (address) =>
      /^(?:10|127|169|172|192)\./.test(address) ? '' : address,
    )
    .replace(/\s+/g, ' ')
    .trim();
}

/** Weights as docs/profiles.md gives them. */
function rulesOf(signals: DeviceSignals, { parent, model }: DraftFacts): SignalRule[] {
  const brand = parent === null ? 60 : 70;
  const rule = (signal: SignalRule['signal'], op: SignalRule['op'], value: string, weight: number) =>
    ({ signal, op, value: value.slice(0, 200), weight }) satisfies SignalRule;
  const { snmpSysDescr, snmpSysObjectId, ippMakeModel, dnssdTy, ouiVendor } = signals;
  return [
    ...(snmpSysDescr === undefined
      ? []
      : [rule('snmpSysDescr', 'prefix', upToModel(snmpSysDescr, model), brand)]),
    ...(snmpSysObjectId === undefined ? [] : [rule('snmpSysObjectId', 'prefix', snmpSysObjectId, 40)]),
    ...(ippMakeModel === undefined ? [] : [rule('ippMakeModel', 'equals', ippMakeModel, brand)]),
    ...(dnssdTy === undefined ? [] : [rule('dnssdTy', 'equals', dnssdTy, brand)]),
    ...(ouiVendor === undefined ? [] : [rule('ouiVendor', 'equals', ouiVendor, 25)]),
  ];
}

/** What stands behind the model is firmware, mostly. */
function upToModel(text: string, model: string | null): string {
  const at = model === null ? -1 : text.indexOf(model);
  return at < 0 || model === null ? text.split(' ').slice(0, 3).join(' ') : text.slice(0, at + model.length);
}

const PROTOCOLS: Readonly<Record<string, string>> = {
  SSLv3: 'ssl3',
  TLSv1: 'tls1.0',
  'TLSv1.1': 'tls1.1',
  'TLSv1.2': 'tls1.2',
  'TLSv1.3': 'tls1.3',
};
const MISSING = ['date', 'message-id', 'from', 'to', 'mime-version'];

/** tls, smtp and repair as they were measured. */
function behaviourOf({ measured, parent, firmware }: DraftFacts): Record<string, unknown> {
  if (measured === null) return {};
  const { hello, greeting, mechanism, quits, repairs, quirks, start } = measured;
  const range = parent?.version === undefined || firmware === null ? 'any' : { from: firmware };
  const protocols = (hello?.versions ?? []).flatMap((name) => PROTOCOLS[name] ?? []);
  const tls = {
    firmware: range,
    modes: [start],
    ...(protocols.length === 0 ? {} : { protocols }),
    ...(hello?.format === 'v2' ? { helloFormat: 'v2' } : {}),
  };
  const named = quirks.filter((quirk) => [...SWITCHED_QUIRKS].some((known) => known === quirk));
  const smtp = {
    ...(greeting === null ? {} : { helo: heloOf(greeting) }),
    ...(mechanism === null ? {} : { auth: { mechanisms: [mechanism] } }),
    ...(named.length === 0 ? {} : { quirks: named }),
    ...(quits === false ? { session: { noQuit: true } } : {}),
  };
  const missingFields = MISSING.filter((field) => repairs.includes(field));
  return {
    tls: { ranges: [tls] },
    ...(Object.keys(smtp).length === 0 ? {} : { smtp }),
    ...(missingFields.length === 0 ? {} : { repair: { missingFields } }),
  };
}

function heloOf({ verb, name }: NonNullable<Measured['greeting']>): Record<string, unknown> {
  if (name === null) return { verb, mayBeEmpty: true };
  const isLiteral = name.startsWith('[');
  return { verb, ...(isLiteral ? { addressLiteral: true } : { fqdn: name.includes('.') }) };
}

/** The observation that the rules must name; its verdict is read out, and what is wrong with it is said. */
function vectorOf(
  base: Record<string, unknown>,
  signals: DeviceSignals,
  { catalogue, parent, source }: DraftFacts & { source: string },
): { json: Record<string, unknown>; fault: string | null } {
  const parsed = profileSchema().safeParse(base);
  if (!parsed.success) return { json: {}, fault: parsed.error.message };
  const whole = parent === null ? parsed.data : inherit(parsed.data, parent);
  const found = createIdentifier(new Map(catalogue).set(whole.id, whole))(signals);
  const isNamed = found.profile === whole.id && found.verdict === 'identified';
  return {
    json: {
      signals,
      verdict: 'identified',
      ...(isNamed && found.model !== null ? { model: found.model } : {}),
      ...(isNamed && found.firmware !== null ? { firmware: found.firmware } : {}),
      source,
    },
    fault: isNamed ? null : found.sentence,
  };
}

function slug(model: string | null): string {
  return (model ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60);
}

/** The head of a session file. */
export function sessionText(
  title: string,
  facts: { version: string; day: string; delivered: number },
  lines: readonly string[],
): string {
  return [
    `# ${title}`,
    `# source: ${FILL_IN}; scanferry capture ${facts.version} of one such device`,
    '# grade: captured',
    `# date: ${facts.day}`,
    `# delivers: ${facts.delivered}`,
    ...lines,
    '',
  ].join('\n');
}
