/** Puts what the sources have told of one address together. */
import type { DeviceSignals } from '../profiles/signals.ts';
import type { DnssdFacts } from './dnssd-records.ts';
import type { IppFacts } from './ipp.ts';
import * as oids from './oids.ts';
import { ouiVendorOf } from './oui.ts';
import type { SnmpValues } from './snmp.ts';
import type { FoundDevice, Identified } from './types.ts';

/** Raw answers of one address; null where a source was silent or not asked. */
export interface Answers {
  address: string;
  mac: string | null;
  snmp: { version: 'v1' | 'v2c'; values: SnmpValues } | null;
  ipp: IppFacts | null;
  dnssd: DnssdFacts | null;
  title: string | null;
  subject: string | null;
  /** EHLO name, where the address has sent through this box; '' where it gave none. */
  ehlo: string | null;
}

/** The signals, as the catalogue wants them: what nobody told is left out. */
export function signalsOf(answers: Answers): DeviceSignals {
  const { snmp, ipp, dnssd, title, subject, ehlo, mac } = answers;
  const value = (oid: string) => snmp?.values.get(oid);
  const others = [...(snmp?.values ?? [])].filter(([oid]) => !isSystemOid(oid));
  return withoutAbsent({
    snmpSysDescr: value(oids.SYS_DESCR),
    snmpSysObjectId: value(oids.SYS_OBJECT_ID),
    snmpOids: others.length === 0 ? undefined : Object.fromEntries(others),
    ippMakeModel: ipp?.makeModel,
    ippDeviceId: ipp?.deviceId ?? deviceIdOf(value),
    dnssdTy: dnssd?.ty,
    dnssdProduct: dnssd?.product,
    dnssdHost: dnssd?.host,
    httpTitle: title,
    tlsSubject: subject,
    ouiVendor: mac === null ? null : ouiVendorOf(mac),
    ehlo: ehlo === '' ? null : ehlo,
  });
}

/** One found device out of the answers and what the catalogue says to their signals. */
export function describe(
  answers: Answers,
  {
    signals,
    identified,
    configuredAs,
  }: { signals: DeviceSignals; identified: Identified; configuredAs: string | null },
): FoundDevice {
  return {
    address: answers.address,
    mac: answers.mac,
    maker: signals.ouiVendor ?? null,
    names: namesOf(answers),
    ...identified,
    model: identified.model ?? modelOf(answers),
    firmware: identified.firmware ?? answers.ipp?.firmware ?? null,
    signals,
    foundBy: sourcesOf(answers),
    isDevice: identified.verdict !== 'unknown' || printsOrScans(answers) || answers.ehlo !== null,
    configuredAs,
  };
}

function isSystemOid(oid: string): boolean {
  return (oids.SYSTEM_OIDS as readonly string[]).includes(oid);
}

function deviceIdOf(value: (oid: string) => string | undefined): string | undefined {
  return oids.DEVICE_ID_OIDS.map(value).find((text) => text?.includes(':'));
}

function printsOrScans({ ipp, dnssd, snmp }: Answers): boolean {
  return ipp !== null || dnssd !== null || snmp?.values.get(oids.HR_DEVICE_TYPE) === oids.HR_DEVICE_PRINTER;
}

function namesOf({ snmp, ipp, dnssd, ehlo }: Answers): string[] {
  const names = [
    snmp?.values.get(oids.SYS_NAME),
    snmp?.values.get(oids.PRT_GENERAL_PRINTER_NAME),
    ipp?.name,
    dnssd?.host?.replace(/\.local$/, ''),
    ehlo,
  ];
  return [...new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))];
}

/** What the device itself calls its model, for devices that no profile knows. */
function modelOf({ snmp, ipp, dnssd }: Answers): string | null {
  const usb = [dnssd?.usbMfg, dnssd?.usbMdl].filter((part) => part !== null && part !== undefined);
  const told = [
    ipp?.makeModel,
    dnssd?.ty,
    usb.length === 2 ? usb.join(' ') : null,
    snmp?.values.get(oids.RICOH_MODEL),
    snmp?.values.get(oids.KYOCERA_MODEL),
    snmp?.values.get(oids.HR_DEVICE_DESCR),
  ];
  return told.find((text): text is string => typeof text === 'string' && text !== '') ?? null;
}

function sourcesOf({ snmp, ipp, dnssd, title, subject, ehlo }: Answers): string[] {
  return [
    ...(snmp === null ? [] : [`snmp ${snmp.version}`]),
    ...(ipp === null ? [] : ['ipp']),
    ...(dnssd?.services ?? []),
    ...(title === null ? [] : ['web page']),
    ...(subject === null ? [] : ['certificate']),
    ...(ehlo === null ? [] : ['sent mail']),
  ];
}

type Optional<T> = { [K in keyof T]?: T[K] | null | undefined };

function withoutAbsent(signals: Optional<DeviceSignals>): DeviceSignals {
  const present = Object.entries(signals).filter(([, value]) => value !== undefined && value !== null);
  // Only absent keys have been taken away.
  return Object.fromEntries(present) as DeviceSignals;
}
