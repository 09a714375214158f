/**
 * Follows the event table by cursor and keeps what it tells over restarts.
 *
 * The table is written anyway; of its own, health writes one fact an hour at most, and only after events that
 * changed something. What a crash takes from that is read from the table again.
 */
import type { Clock } from '../core/clock.ts';
import type { EventRecord } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { loadRecords, type Records, saveRecords } from './record-store.ts';
import {
  type DeviceRecord,
  type IsTelling,
  newDeviceRecord,
  newSiteRecord,
  type Refusal,
  type SiteRecord,
  tellDevice,
  tellSite,
  tellStranger,
} from './sightings.ts';
import type { DeviceIdentity, HealthSpool } from './sources.ts';

export interface EventFollower {
  /** Reads what was kept. */
  start(): Promise<void>;
  /** Reads the events that came since the last time; devices that are new in the config begin with the next one. */
  follow(devices: readonly DeviceIdentity[]): Promise<void>;
  device(id: string): DeviceRecord;
  site(): SiteRecord;
  /** The latest refusal of a device, or of its address before the device was known. */
  refusalOf(device: Pick<DeviceIdentity, 'address'> & { id: string | null }): Refusal | null;
  /** Writes what is not yet kept, if there is anything; never rejects. */
  save(): Promise<void>;
}

export interface EventFollowerDeps {
  clock: Clock;
  log: Log;
  spool: HealthSpool;
  /** A long history is left where it stands. */
  isStopped(): boolean;
  isTelling: IsTelling;
}

const PAGE = 500;

export function createEventFollower(deps: EventFollowerDeps): EventFollower {
  const { clock, log, spool, isStopped, isTelling } = deps;
  let records: Records = { site: newSiteRecord(), devices: new Map(), chunks: 0 };
  let cursor = 0;
  let isDirty = false;
  let savedAt = clock.monotonicMs();
  /** Whose message it is, of the latest ones. */
  const senders = new Map<string, string | null>();

  function remember(message: string, device: string | null): void {
    senders.set(message, device);
    const oldest = senders.keys().next().value;
    if (senders.size > LIMITS.healthMessagesRememberedMax && oldest !== undefined) senders.delete(oldest);
  }

  async function senderOf(message: string): Promise<string | null> {
    const known = senders.get(message);
    if (known !== undefined) return known;
    const device = (await spool.show(message))?.head.device.id ?? null;
    remember(message, device);
    return device;
  }

  async function deviceOf(
    event: EventRecord,
    byAddress: ReadonlyMap<string, string>,
  ): Promise<string | null> {
    switch (event.type) {
      case 'message.accepted':
        remember(event.data.message, event.data.device);
        return event.data.device;
      case 'session.refused':
      case 'session.unfinished':
        return event.data.device ?? byAddress.get(event.data.address) ?? null;
      case 'device.tls-learned':
        return byAddress.get(event.data.address) ?? null;
      case 'message.delivered':
      case 'message.failed':
        return senderOf(event.data.message);
      default:
        return null;
    }
  }

  /** Forgets devices that left the config, and knows those that came. */
  function takeOver(devices: readonly DeviceIdentity[]): void {
    const kept = devices.map(({ id }): [string, DeviceRecord] => [
      id,
      records.devices.get(id) ?? newDeviceRecord(cursor),
    ]);
    records.devices = new Map(kept);
  }

  async function tell(event: EventRecord, byAddress: ReadonlyMap<string, string>): Promise<void> {
    const id = records.devices.size === 0 ? null : await deviceOf(event, byAddress);
    const record = id === null ? undefined : records.devices.get(id);
    const isNews = record !== undefined && tellDevice(record, event, isTelling);
    const isOfStranger = tellStranger(records.site, event, { isKnown: record !== undefined, isTelling });
    // All are told: none may be left out because another has changed.
    isDirty = tellSite(records.site, event) || isNews || isOfStranger || isDirty;
    cursor = event.seq;
  }

  async function save(): Promise<void> {
    if (!isDirty) return;
    try {
      for (const record of [records.site, ...records.devices.values()]) record.seq = cursor;
      records.chunks = await saveRecords(spool, records);
      isDirty = false;
      savedAt = clock.monotonicMs();
    } catch (error) {
      // A full disk: it is tried again at the next look, and a restart reads the events once more.
      log.warn('health.not-kept', { error: describeError(error) });
    }
  }

  return {
    async start() {
      records = await loadRecords(spool);
      cursor = Math.min(records.site.seq, ...[...records.devices.values()].map(({ seq }) => seq));
    },
    async follow(devices) {
      takeOver(devices);
      const byAddress = new Map(
        devices.flatMap(({ id, address }): [string, string][] => (address === null ? [] : [[address, id]])),
      );
      // What comes meanwhile is for the next look: an operator's command over everything writes as fast as this reads.
      const [latest] = await spool.latestEvents(1);
      while (!isStopped() && cursor < (latest?.seq ?? 0)) {
        const page = await spool.events(cursor, PAGE);
        // The file has been salvaged since, and its newest events are lost.
        if (page.length === 0) break;
        for (const event of page) await tell(event, byAddress);
      }
      if (isDirty && clock.monotonicMs() - savedAt >= LIMITS.healthSaveEveryMs) await save();
    },
    device: (id) => records.devices.get(id) ?? newDeviceRecord(cursor),
    site: () => records.site,
    refusalOf({ id, address }) {
      const ofDevice = records.devices.get(id ?? '')?.refusal ?? null;
      const ofAddress = records.site.strangers.find((one) => one.address === address) ?? null;
      if (ofDevice === null || ofAddress === null) return ofDevice ?? ofAddress;
      return ofDevice.at >= ofAddress.at ? ofDevice : ofAddress;
    },
    save,
  };
}
