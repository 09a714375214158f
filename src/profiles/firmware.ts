/** Firmware versions: their order, and what a profile says of TLS for one of them. */
import { compileExtraction } from './rule.ts';
import type { FirmwareRange, TlsRange } from './schema-behaviour.ts';
import type { DeviceSignals } from './signals.ts';
import type { DeviceProfile } from './types.ts';

type Order = NonNullable<DeviceProfile['version']>['compare'];

/**
 * Below zero where `left` is older, above where it is newer; null where the two can't be compared,
 * because versions of this device have no known order or one of them holds no number.
 */
export function compareFirmware(left: string, right: string, order: Order): number | null {
  if (order === 'none') return null;
  const read = order === 'date' ? dateNumbers : dottedNumbers;
  const [a, b] = [read(left), read(right)];
  if (a.length === 0 || b.length === 0) return null;
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The numbers of a version such as V4.01.20 or 66.12, at most eight of nine digits each. */
function dottedNumbers(version: string): number[] {
  return (version.match(/\d{1,9}/g) ?? []).slice(0, 8).map(Number);
}

/** A stamp such as 2013-05-01 or 201305012030, as its first eight digits. */
function dateNumbers(version: string): number[] {
  const digits = version.replaceAll(/\D/g, '').slice(0, 8);
  return digits.length === 8 ? [Number(digits)] : [];
}

/** The version that the signals of a device with this profile tell; null where they don't. */
export function firmwareOf(profile: DeviceProfile, signals: DeviceSignals): string | null {
  for (const extraction of profile.version?.from ?? []) {
    const found = compileExtraction(extraction)(signals);
    if (found !== null) return found;
  }
  return null;
}

/** Whether a version lies in a range; what can't be compared does not. */
export function isInRange(firmware: string, range: FirmwareRange, order: Order): boolean {
  const { from, before } = range;
  const fromOrder = from === undefined ? 0 : compareFirmware(firmware, from, order);
  const beforeOrder = before === undefined ? -1 : compareFirmware(firmware, before, order);
  return fromOrder !== null && fromOrder >= 0 && beforeOrder !== null && beforeOrder < 0;
}

/**
 * What the profile says of this device's TLS. An unknown version takes only what holds for any firmware,
 * so that nothing is refused to a device by a range it may not lie in.
 */
export function tlsFor(profile: DeviceProfile, firmware: string | null): Partial<TlsRange> {
  const { ranges = [], ...base } = profile.tls ?? {};
  const order = profile.version?.compare ?? 'none';
  const range = ranges.find(
    (row) => row.firmware === 'any' || (firmware !== null && isInRange(firmware, row.firmware, order)),
  );
  return { ...base, ...range };
}
