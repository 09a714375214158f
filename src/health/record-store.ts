/** Keeps the records of devices and site as facts of the spool, some devices in each, and reads them back. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { type DeviceRecord, newSiteRecord, type SiteRecord } from './sightings.ts';
import type { HealthSpool } from './sources.ts';

export interface Records {
  site: SiteRecord;
  devices: Map<string, DeviceRecord>;
  /** Facts that hold devices. */
  chunks: number;
}

const ROOM = 'health';
const SITE_KEY = 'site';
const CHUNK_KEY = /^devices-\d+$/;

const moment = z.number().nullable();
const count = z.int().min(0);

const refusal = z.object({ at: z.number(), code: z.string(), isOver: z.boolean() });

// What an older version has not kept yet has a default: without it the counts would be forgotten with the record.
const deviceRecord = z.object({
  ...{ seq: count, lastSeenAt: moment, lastMessageAt: moment, tls: z.string().nullable() },
  ...{ accepted: count, delivered: count, failed: count, failedInRow: count, refusedInRow: count },
  refusal: refusal.nullable().default(null),
  days: z.array(z.int()),
});

const siteRecord = z.object({
  ...{ seq: count, starts: z.array(z.number()), failures: z.array(z.number()), lastEventAt: moment },
  ...{ isStopped: z.boolean().nullable(), uncleanAt: moment, offDays: z.array(z.int()) },
  strangers: z.array(refusal.extend({ address: z.string() })).default([]),
});

const chunk = z.record(z.string(), deviceRecord);

/** What does not fit its shape (another version) is forgotten and read from the events again. */
export async function loadRecords(spool: HealthSpool): Promise<Records> {
  const facts = await spool.getFacts(ROOM);
  const site = siteRecord.safeParse(facts.get(SITE_KEY));
  const chunks = [...facts].filter(([key]) => CHUNK_KEY.test(key));
  const devices = new Map<string, DeviceRecord>();
  for (const [, value] of chunks) {
    const parsed = chunk.safeParse(value);
    for (const [id, record] of Object.entries(parsed.success ? parsed.data : {})) {
      // A crash between two facts may have left an older record of a device in another one.
      if (record.seq >= (devices.get(id)?.seq ?? 0)) devices.set(id, record);
    }
  }
  return { site: site.success ? site.data : newSiteRecord(), devices, chunks: chunks.length };
}

/** @returns how many facts hold devices now. */
export async function saveRecords(spool: HealthSpool, { site, devices, chunks }: Records): Promise<number> {
  const entries = [...devices];
  let written = 0;
  for (let i = 0; i < entries.length; i += LIMITS.healthDevicesPerFact) {
    const part = Object.fromEntries(entries.slice(i, i + LIMITS.healthDevicesPerFact));
    await spool.putFact(ROOM, `devices-${written}`, part);
    written++;
  }
  for (let i = written; i < chunks; i++) await spool.deleteFact(ROOM, `devices-${i}`);
  await spool.putFact(ROOM, SITE_KEY, site);
  return written;
}
