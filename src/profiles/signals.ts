/** What is known of a device before it is named: the signals that profiles match on. */
import { LIMITS } from '../core/limits.ts';

/** Where a signal comes from; the words are for people. */
export const SIGNALS = {
  snmpSysDescr: 'sysDescr',
  snmpSysObjectId: 'sysObjectID',
  snmpOids: 'SNMP value',
  ippMakeModel: 'IPP make and model',
  ippDeviceId: 'IEEE 1284 device ID',
  dnssdTy: 'DNS-SD ty',
  dnssdProduct: 'DNS-SD product',
  dnssdHost: 'DNS-SD host name',
  httpTitle: 'title of the web page',
  tlsSubject: 'certificate subject',
  ouiVendor: 'maker of the network card',
  ehlo: 'greeting',
} as const satisfies Record<string, string>;

export type SignalName = keyof typeof SIGNALS;

/** The names of all signals, in the order of the table. */
// Object.keys forgets that a constant's keys are known.
export const SIGNAL_NAMES = Object.keys(SIGNALS) as [SignalName, ...SignalName[]];

/**
 * The signals of one device; what was not asked or not answered is left out.
 * `snmpOids` maps a numeric OID without a leading dot to its value as text.
 */
export type DeviceSignals = { [name in Exclude<SignalName, 'snmpOids'>]?: string | undefined } & {
  snmpOids?: Readonly<Record<string, string>> | undefined;
};

/**
 * The value of a signal as it is matched: text only, no control characters, at most 1,024 characters.
 * `oid` picks one of `snmpOids`. Never throws, whatever a device answered.
 */
export function signalText(signals: DeviceSignals, name: SignalName, oid?: string): string | null {
  const value: unknown = name === 'snmpOids' ? valueAt(signals.snmpOids, oid) : signals[name];
  if (typeof value !== 'string') return null;
  const text = cleanSignal(value);
  return text === '' ? null : text;
}

function valueAt(oids: unknown, oid: string | undefined): unknown {
  if (oid === undefined || typeof oids !== 'object' || oids === null) return undefined;
  const row = Object.entries(oids).find(([key]) => key.replace(/^\./, '') === oid);
  return row?.[1];
}

/** Line ends and other control characters become one space each; the cut comes first, so that work is bounded. */
function cleanSignal(value: string): string {
  return value
    .slice(0, LIMITS.signalCharactersMax)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}
