/** One row of the list of devices, from what is known of it. Pure. */
import type { FoundDevice } from '../discovery/types.ts';
import type { Measured } from '../intake/measured.ts';
import type { DeviceSettings } from '../intake/settings.ts';
import type { KnownDevice } from '../intake/treatment.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import type { Recognised } from './recognise.ts';
import type { DeviceRow, DeviceStanding } from './types.ts';

/** A device, an address, or both. */
export interface Place {
  device: DeviceSettings | null;
  address: string | null;
  standing: DeviceStanding;
}

export interface PlaceFacts {
  known: KnownDevice;
  /** Null where no address is known of it. */
  recognised: (Recognised & { found: FoundDevice | null }) | null;
}

export function describeDevice(place: Place, { known, recognised }: PlaceFacts, held: number): DeviceRow {
  const { device, address, standing } = place;
  const { profile, origin, measured } = known;
  const given = origin === 'given' ? profile : null;
  return {
    ...{ id: device?.id ?? null, name: device?.name ?? null, address, standing, origin, held },
    profile: profile?.id ?? null,
    likely: likelyOf(given, recognised),
    why: given === null ? whyOf(recognised) : GIVEN_BY[standing],
    ...modelOf(known, recognised),
    lastSeenAt: measured?.lastAt ?? null,
    tls: tlsOf(measured),
  };
}

const GIVEN_BY: Record<DeviceStanding, string> = {
  config: 'The config says so.',
  approved: 'Whoever approved it says so.',
  held: '',
  seen: '',
  found: '',
};

function whyOf(recognised: PlaceFacts['recognised']): string {
  return recognised?.identification.sentence ?? 'Nothing has been seen of it.';
}

function modelOf(
  known: KnownDevice,
  recognised: PlaceFacts['recognised'],
): Pick<DeviceRow, 'model' | 'firmware'> {
  const { model = null, firmware = null } = recognised?.identification ?? {};
  return { model: model ?? recognised?.found?.model ?? null, firmware: known.firmware ?? firmware };
}

function tlsOf(measured: Measured | null): string | null {
  if (measured === null) return null;
  return measured.start === 'plain' ? 'none' : (measured.tls?.protocol ?? 'failed');
}

/** A profile that is not certain enough to be applied, for a device that has none. */
export function likelyOf(given: DeviceProfile | null, recognised: Recognised | null): string | null {
  if (given !== null || recognised === null) return null;
  const { verdict, profile } = recognised.identification;
  return verdict === 'likely' ? profile : null;
}
