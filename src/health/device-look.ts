/** How each device of the config is doing, from what the events told and from the queue. */
import { LIMITS } from '../core/limits.ts';
import type { DeviceSeen } from './devices-family.ts';
import type { EventFollower } from './event-follower.ts';
import { FAMILIES } from './index.ts';
import { worst } from './metric.ts';
import { type Day, dayOf, silenceOf } from './silence.ts';
import type { DeviceIdentity, HealthDeps } from './sources.ts';
import type { DeviceHealth, Reading } from './types.ts';

export interface DeviceLook {
  devices: DeviceHealth[];
  readings: Reading[];
}

/** @param waiting messages that wait, by device. */
export function lookAtDevices(
  deps: Pick<HealthDeps, 'clock' | 'devices' | 'ageMs'>,
  follower: EventFollower,
  waiting: ReadonlyMap<string, number>,
): DeviceLook {
  const { clock } = deps;
  // Days can't be told apart by a clock that is not set.
  const today = clock.isSet() ? dayOf(clock.now()) : null;
  const off = new Set(follower.site().offDays);
  const looks = deps.devices().map((identity) => {
    const seen = seenOf(identity, { deps, follower, waiting, today, off });
    const readings = FAMILIES.devices.read(seen, identity.id);
    return { device: healthOf(identity, seen, { readings, follower }), readings };
  });
  return { devices: looks.map(({ device }) => device), readings: looks.flatMap(({ readings }) => readings) };
}

interface Context {
  deps: Pick<HealthDeps, 'ageMs'>;
  follower: EventFollower;
  waiting: ReadonlyMap<string, number>;
  today: Day | null;
  off: ReadonlySet<Day>;
}

function seenOf({ id }: DeviceIdentity, { deps, follower, waiting, today, off }: Context): DeviceSeen {
  const { days, lastSeenAt, lastMessageAt, ...record } = follower.device(id);
  return {
    ...{ ...record, id },
    lastSeenAgeMs: lastSeenAt === null ? null : deps.ageMs(lastSeenAt),
    lastMessageAgeMs: lastMessageAt === null ? null : deps.ageMs(lastMessageAt),
    waiting: waiting.get(id) ?? 0,
    silence: today === null ? null : silenceOf(days, off, today),
  };
}

function healthOf(
  { id, address, profile }: DeviceIdentity,
  { accepted, delivered, failed, waiting, tls }: DeviceSeen,
  { readings, follower }: { readings: readonly Reading[]; follower: EventFollower },
): DeviceHealth {
  const { lastSeenAt, lastMessageAt } = follower.device(id);
  const grade = worst(readings.map((reading) => reading.grade));
  return {
    ...{ id, address, profile, lastSeenAt, lastMessageAt, accepted, delivered, failed, waiting, tls, grade },
    why: grade === 'ok' ? null : (readings.find((reading) => reading.grade === grade)?.why ?? null),
  };
}

/** Messages that wait, by device; past LIMITS.spoolAnswerRowsMax recipients the rest is not counted. */
export async function countWaiting({ spool }: Pick<HealthDeps, 'spool'>): Promise<Map<string, number>> {
  const messages = new Map<string, Set<number>>();
  for (const { device, message } of await spool.waiting(LIMITS.spoolAnswerRowsMax)) {
    const known = messages.get(device) ?? new Set();
    messages.set(device, known.add(message));
  }
  return new Map([...messages].map(([device, ids]) => [device, ids.size]));
}
