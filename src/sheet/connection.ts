/** How a device best connects to the box: from what its profile knows of TLS and the ports the box listens on. */
import { tlsFor } from '../profiles/firmware.ts';
import type { TlsRange } from '../profiles/schema-behaviour.ts';
import type { SheetBox, SheetDevice, SheetListener } from './types.ts';

export type DeviceTls = 'none' | 'starttls' | 'implicit' | 'any';

export interface Connection {
  /** `any`: nobody knows what this device can, and every way works. */
  tls: DeviceTls;
  /** Null where the box has no port for it. */
  listener: SheetListener | null;
  /** TLS versions as people write them; '' in plain text or where it is unknown. */
  versions: string;
  warnings: string[];
}

/** Encrypted goes before plain, and STARTTLS before a port of its own: most panels know it by that name. */
const PREFERRED = ['starttls', 'implicit', 'none'] as const;

/** Which listeners serve a device that starts TLS so. */
const SERVES: Record<Exclude<DeviceTls, 'any'>, readonly SheetListener['tls'][]> = {
  none: ['none', 'starttls', 'auto'],
  starttls: ['starttls', 'auto'],
  implicit: ['implicit', 'auto'],
};

export function connectionOf({ profile, firmware }: SheetDevice, { listeners }: SheetBox): Connection {
  const known: Partial<TlsRange> = profile === null ? {} : tlsFor(profile, firmware);
  const fixedPort = profile?.limits?.portFixed ?? null;
  const wanted = waysOf(known);
  const found = wanted === null ? null : firstServed(wanted, listeners, fixedPort);
  const tls = wanted === null ? 'any' : (found?.tls ?? wanted[0] ?? 'none');
  const listener =
    found?.listener ?? (wanted === null ? onPort(listeners, ['auto', 'starttls', 'none'], fixedPort) : null);
  return {
    tls,
    listener,
    versions: versionsOf(known, tls),
    warnings: warningsOf(known, tls, listener, fixedPort),
  };
}

/** The ways this device has, the best first; null where nothing is known. */
function waysOf({ mode, modes, protocols }: Partial<TlsRange>): Exclude<DeviceTls, 'any'>[] | null {
  // SSL 3.0 is not in the box's TLS library, so such a device sends in plain text.
  const speaksTls = protocols?.some((version) => version !== 'none' && version !== 'ssl3') ?? true;
  if (!speaksTls) return ['none'];
  const all = [...(modes ?? []), ...(mode === undefined ? [] : [mode])].map((one) =>
    one === 'plain' ? 'none' : one,
  );
  return all.length === 0 ? null : PREFERRED.filter((one) => all.includes(one));
}

function firstServed(
  wanted: readonly Exclude<DeviceTls, 'any'>[],
  listeners: readonly SheetListener[],
  fixedPort: number | null,
): { tls: Exclude<DeviceTls, 'any'>; listener: SheetListener } | null {
  for (const tls of wanted) {
    const listener = onPort(listeners, SERVES[tls], fixedPort);
    if (listener !== null) return { tls, listener };
  }
  return null;
}

/** In the order of `kinds`, and of those with one the usual ports first. */
function onPort(
  listeners: readonly SheetListener[],
  kinds: readonly SheetListener['tls'][],
  fixedPort: number | null,
): SheetListener | null {
  const fitting = listeners
    .filter(({ tls, port }) => kinds.includes(tls) && (fixedPort === null || port === fixedPort))
    .sort((a, b) => kinds.indexOf(a.tls) - kinds.indexOf(b.tls));
  return fitting[0] ?? null;
}

const NAMES: Record<string, string> = { 'tls1.0': '1.0', 'tls1.1': '1.1', 'tls1.2': '1.2', 'tls1.3': '1.3' };

function versionsOf({ protocols }: Partial<TlsRange>, tls: DeviceTls): string {
  if (tls === 'none') return '';
  const names = (protocols ?? []).flatMap((version) => NAMES[version] ?? []);
  return names.length === 0 ? '' : `TLS ${names.join(', ')}`;
}

function warningsOf(
  { protocols }: Partial<TlsRange>,
  tls: DeviceTls,
  listener: SheetListener | null,
  fixedPort: number | null,
): string[] {
  if (listener === null) {
    const port = fixedPort === null ? '' : ` on port ${fixedPort}, the only one this device can use`;
    return [`The box has no listener for this device${port}: add one under intake.listeners.`];
  }
  const isOld =
    tls !== 'none' && protocols !== undefined && !protocols.some((version) => version >= 'tls1.2');
  if (isOld && listener.floor === 'modern') {
    return [
      `This device has no TLS 1.2, and port ${listener.port} refuses older versions: set its floor to legacy, or turn encryption off at the device.`,
    ];
  }
  return [];
}
