/**
 * How the box treats one device: its profile's file, for its firmware, and what was measured of it, which wins.
 *
 * A profile that a person gave the device is applied whole. One that was only recognised by its signals is applied as
 * far as it can neither refuse anything nor weaken anything: it may make the box more patient, never stricter and
 * never less encrypted (docs/decisions/0012). Pure.
 */
import { LIMITS } from '../core/limits.ts';
import { tlsFor } from '../profiles/firmware.ts';
import type { QuirkId } from '../profiles/quirks.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import type { Measured } from './measured.ts';
import { MECHANISMS, type Mechanism } from './sign-in.ts';

/** given: by the config or by whoever approved the device; identified: by its signals. */
export type ProfileOrigin = 'given' | 'identified';

/** What is known of a device when it connects. */
export interface KnownDevice {
  profile: DeviceProfile | null;
  origin: ProfileOrigin | null;
  /** Firmware version as the device told it to discovery. */
  firmware: string | null;
  measured: Measured | null;
}

export interface Treatment {
  /** Id of the profile. */
  profile: string | null;
  origin: ProfileOrigin | null;
  /** True where the profile refuses TLS below 1.2 from this device. */
  isModern: boolean;
  /** short: speaks at once; long: its TLS hello may take a while; usual: nobody knows. */
  bannerWait: 'none' | 'usual' | 'long';
  /** What EHLO offers. */
  offers: {
    starttls: boolean;
    mechanisms: readonly Mechanism[];
    size: boolean;
    pipelining: boolean;
    eightBitMime: boolean;
  };
  commandIdleMaxMs: number;
  dataIdleMaxMs: number;
  /** Connections it opens at once, where that is more than the usual device may; null where unknown. */
  connectionsMax: number | null;
  /** Habits tolerated from it outside trusted networks too. */
  quirks: readonly QuirkId[];
  /** Whether its message/partial parts wait for each other. */
  joins: boolean;
}

/** Sessions in a row after which the latest way to start TLS is a habit. */
const HABIT_SESSIONS = 3;

export function treatmentOf(known: KnownDevice): Treatment {
  const { profile, origin, firmware, measured } = known;
  const isGiven = origin === 'given';
  const smtp = profile?.smtp;
  const advertise = smtp?.advertise;
  const tls = profile === null ? {} : tlsFor(profile, firmware);
  const waits = {
    command: seconds(smtp?.session?.commandIdleMaxS),
    data: seconds(smtp?.session?.dataIdleMaxS),
  };
  return {
    profile: profile?.id ?? null,
    origin,
    isModern: isGiven && tls.floor === 'modern' && !isOldHello(measured),
    bannerWait: bannerWaitOf(tls, measured),
    offers: {
      starttls: !isGiven || advertise?.starttls !== false || hasStartedTls(measured),
      mechanisms: isGiven ? mechanismsOf(advertise?.auth, measured) : MECHANISMS,
      size: advertise?.size !== false,
      pipelining: advertise?.pipelining !== false,
      eightBitMime: advertise?.eightBitMime !== false,
    },
    commandIdleMaxMs: waitOf(waits.command, isGiven, LIMITS.commandIdleMaxMs, measured?.commandGapMaxMs),
    dataIdleMaxMs: waitOf(waits.data, isGiven, LIMITS.dataIdleMaxMs, measured?.dataGapMaxMs),
    connectionsMax: smtp?.session?.connectionsMax ?? null,
    quirks: isGiven ? (smtp?.quirks ?? []) : [],
    joins: smtp?.join === true,
  };
}

type FileTls = ReturnType<typeof tlsFor>;

/** The file's word, until the device has done otherwise three times in a row. */
function bannerWaitOf(tls: FileTls, measured: Measured | null): Treatment['bannerWait'] {
  const habit = measured !== null && measured.startInRow >= HABIT_SESSIONS ? measured.start : null;
  if (habit === 'implicit') return 'long';
  const mode = tls.mode ?? (tls.protocols?.every((name) => name === 'none') ? 'plain' : undefined);
  if (mode === 'implicit' || (mode === undefined && tls.implicitOnAnyPort === true)) {
    return habit === null ? 'long' : 'usual';
  }
  return mode === undefined || measured?.start === 'implicit' ? 'usual' : 'none';
}

/** Its own hello offers nothing from TLS 1.2 on, whatever the file says of it. */
function isOldHello(measured: Measured | null): boolean {
  const versions = measured?.hello?.versions ?? [];
  return versions.length > 0 && !versions.some((name) => name === 'TLSv1.2' || name === 'TLSv1.3');
}

/** It has come through STARTTLS, whatever the file says of it. */
function hasStartedTls(measured: Measured | null): boolean {
  return measured !== null && measured.start === 'starttls' && measured.tlsFailedInRow === 0;
}

function mechanismsOf(
  wanted: readonly string[] | undefined,
  measured: Measured | null,
): readonly Mechanism[] {
  if (wanted === undefined) return MECHANISMS;
  return MECHANISMS.filter((mechanism) => wanted.includes(mechanism) || mechanism === measured?.mechanism);
}

/**
 * How long the box waits. The file's word, but never shorter than twice the longest silence that was measured, and
 * from a profile that is only recognised nothing shorter than usual.
 */
function waitOf(file: number | null, isGiven: boolean, usual: number, measuredMs = 0): number {
  const wanted = Math.min(file ?? usual, LIMITS.sessionMaxMs);
  const least = Math.min(2 * measuredMs, usual);
  return Math.max(isGiven ? wanted : Math.max(wanted, usual), least);
}

function seconds(value: number | undefined): number | null {
  return value === undefined ? null : value * 1000;
}
