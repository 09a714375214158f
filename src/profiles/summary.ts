/** A profile in a few words: one row of the catalogue, for the command line and docs/reference/profiles.md. */
import { tlsFor } from './firmware.ts';
import { parentOf } from './inherit.ts';
import type { FirmwareRange, TlsRange } from './schema-behaviour.ts';
import { GRADES, type Grade } from './schema-evidence.ts';
import type { SignalName } from './signals.ts';
import type { DeviceProfile } from './types.ts';

export interface ProfileSummary {
  id: string;
  title: string;
  vendor: string | null;
  kind: string | null;
  /** The profile it takes from, and how they are related; null where it stands alone. */
  parent: { id: string; relation: 'badge' | 'variant' } | null;
  status: DeviceProfile['status'];
  /** Where its signals come from, and how many observations prove them. */
  identification: string;
  smtp: string;
  tls: string;
  setup: string;
  /** Every grade its claims have, the surest first. */
  grades: Grade[];
}

const UNKNOWN = 'unknown';

export function summarize(profile: DeviceProfile): ProfileSummary {
  const parent = parentOf(profile);
  return {
    id: profile.id,
    title: profile.title,
    vendor: profile.vendor ?? null,
    kind: profile.kind ?? null,
    parent:
      parent === null ? null : { id: parent, relation: profile.oemOf === undefined ? 'variant' : 'badge' },
    status: profile.status,
    identification: identificationOf(profile),
    smtp: smtpOf(profile),
    tls: tlsOf(profile),
    setup: setupOf(profile),
    grades: gradesOf(profile),
  };
}

const SIGNAL_GROUPS: Record<SignalName, string> = {
  snmpSysDescr: 'SNMP',
  snmpSysObjectId: 'SNMP',
  snmpOids: 'SNMP',
  ippMakeModel: 'IPP',
  ippDeviceId: 'device ID',
  dnssdTy: 'DNS-SD',
  dnssdProduct: 'DNS-SD',
  dnssdHost: 'DNS-SD',
  httpTitle: 'web page',
  tlsSubject: 'certificate',
  ouiVendor: 'network card',
  ehlo: 'greeting',
};

function identificationOf({ match, version, testVectors }: DeviceProfile): string {
  if (match === undefined) return 'chosen by hand';
  const groups = [...new Set(match.signals.map(({ signal }) => SIGNAL_GROUPS[signal]))];
  const seen = testVectors?.length ?? 0;
  return [
    groups.join(', '),
    `${seen} observation${seen === 1 ? '' : 's'}`,
    ...(version === undefined ? [] : ['firmware']),
  ].join('; ');
}

function smtpOf({ smtp, limits }: DeviceProfile): string {
  const { helo, auth, advertise, quirks, split, join } = smtp ?? {};
  const parts = [
    helo?.verb,
    auth?.mechanisms === undefined ? undefined : `AUTH ${auth.mechanisms.join(' ')}`,
    auth?.popBeforeSmtp === true ? 'POP before SMTP' : undefined,
    advertise?.starttls === false ? 'STARTTLS hidden' : undefined,
    split?.kind === undefined || split.kind === 'none' ? undefined : `splits into ${split.kind}`,
    join === true ? 'parts joined' : undefined,
    quirks === undefined ? undefined : `${quirks.length} quirk${quirks.length === 1 ? '' : 's'}`,
    limits === undefined ? undefined : 'field limits',
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? UNKNOWN : parts.join(', ');
}

/** What holds for any firmware first, then what is known of ranges. */
function tlsOf(profile: DeviceProfile): string {
  const { floor, ...whole } = tlsFor(profile, null);
  const ranges = (profile.tls?.ranges ?? []).filter(({ firmware }) => firmware !== 'any');
  const rows = [
    rangeInWords({ ...whole, firmware: 'any' }),
    floor === undefined || whole.protocols !== undefined ? '' : FLOORS[floor],
    ...ranges.map(rangeInWords),
  ].filter((text) => text !== '');
  return rows.length === 0 ? UNKNOWN : rows.join('; ');
}

const FLOORS = { modern: 'TLS 1.2 or newer', legacy: 'TLS 1.0 or newer' } as const;
const MODES = { plain: 'plain text', starttls: 'STARTTLS', implicit: 'SSL/TLS' } as const;

/** What one range says, such as `firmware before 67: TLS 1.0, STARTTLS`; '' where it says nothing of versions and modes. */
export function rangeInWords({ firmware, protocols, mode, modes, kx, update }: TlsRange): string {
  const ways = [...new Set([...(modes ?? []), ...(mode === undefined ? [] : [mode])])];
  const said = [
    ...(protocols === undefined ? [] : [protocolsInWords(protocols)]),
    ...(ways.length === 0 ? [] : [ways.map((way) => MODES[way]).join(' or ')]),
    ...(kx === undefined ? [] : [`key exchange ${kx.join(', ')}`]),
    ...(update === undefined ? [] : ['update advised']),
  ].join(', ');
  return said === '' || firmware === 'any' ? said : `firmware ${firmwareInWords(firmware)}: ${said}`;
}

function protocolsInWords(protocols: NonNullable<TlsRange['protocols']>): string {
  const versions = protocols.flatMap((name) => (name.startsWith('tls') ? [name.slice(3)] : []));
  const parts = [
    ...(protocols.includes('none') ? ['no TLS'] : []),
    ...(protocols.includes('ssl3') ? ['SSL 3.0'] : []),
    ...(versions.length === 0 ? [] : [`TLS ${versions.join(', ')}`]),
  ];
  return parts.join(', ');
}

function firmwareInWords({ from, before }: FirmwareRange): string {
  return [
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(before === undefined ? [] : [`before ${before}`]),
  ].join(' ');
}

function setupOf({ setup, errors }: DeviceProfile): string {
  if (setup === undefined) return UNKNOWN;
  const ways = setup.map(({ ui, steps, complete }) => {
    const fields = `${steps.length} step${steps.length === 1 ? '' : 's'}`;
    return `${ui}, ${fields}${complete ? '' : ', partial'}`;
  });
  return [...ways, ...(errors === undefined ? [] : [`${errors.length} error codes`])].join('; ');
}

function gradesOf({ evidence, setup, errors }: DeviceProfile): Grade[] {
  const used = new Set([...evidence, ...(setup ?? []), ...(errors ?? [])].map(({ grade }) => grade));
  // Object.keys forgets that a constant's keys are known.
  return (Object.keys(GRADES) as Grade[]).filter((grade) => used.has(grade));
}
