/** The devices that searches have found, kept over restarts; written only when something that matters has changed. */
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import type { FoundDevice, FoundStore, KeptDevice } from './types.ts';

const PREFIX = 'device ';

const text = z.string().nullable();
const candidate = z.object({
  profile: z.string(),
  title: z.string(),
  score: z.number(),
  minScore: z.number(),
  verdict: z.enum(['identified', 'likely', 'weak']),
});

const keptDevice = z.object({
  address: z.string(),
  mac: text,
  maker: text,
  names: z.array(z.string()),
  model: text,
  firmware: text,
  verdict: z.enum(['identified', 'likely', 'ambiguous', 'unknown']),
  profile: text,
  title: text,
  score: z.number(),
  why: z.string(),
  candidates: z.array(candidate),
  signals: z.record(z.string(), z.unknown()),
  foundBy: z.array(z.string()),
  isDevice: z.boolean(),
  advice: z.array(z.string()),
});

const keptFact = z.object({ firstFoundAt: z.number(), device: keptDevice });

export interface KeptDevices {
  /** Reads what earlier runs have found. */
  load(): Promise<void>;
  /** Takes a device in; resolves with true when it was not known before. */
  keep(device: FoundDevice, now: number): Promise<boolean>;
  /** All of them, by address. */
  list(): KeptDevice[];
  at(address: string): FoundDevice | null;
}

export function createKeptDevices(deps: {
  store: FoundStore;
  /** Id of a configured device by its address. */
  configuredAs(address: string): string | null;
}): KeptDevices {
  const { store } = deps;
  /** Key to device; insertion order is age. */
  const kept = new Map<string, KeptDevice>();

  async function drop(key: string): Promise<void> {
    if (kept.delete(key)) await store.delete(PREFIX + key);
  }

  /** An address that another device has now says nothing of the one that had it. */
  async function dropOthersAt(address: string, key: string): Promise<void> {
    for (const [other, { device }] of kept) {
      if (other !== key && device.address === address) await drop(other);
    }
  }

  async function dropSurplus(): Promise<void> {
    const oldest = kept.keys().next();
    if (kept.size > LIMITS.discoveredDevicesMax && !oldest.done) await drop(oldest.value);
  }

  return {
    async load() {
      const facts = [...(await store.load())].flatMap(([key, value]) => {
        const fact = keptFact.safeParse(value);
        return key.startsWith(PREFIX) && fact.success ? [[key.slice(PREFIX.length), fact.data] as const] : [];
      });
      for (const [key, { device, firstFoundAt }] of facts.sort(
        (a, b) => a[1].firstFoundAt - b[1].firstFoundAt,
      )) {
        // The signals were written by this program; an unknown key among them does no harm.
        const known: FoundDevice = { ...device, signals: device.signals, configuredAs: null };
        kept.set(key, { device: known, firstFoundAt, lastFoundAt: null });
      }
    },
    async keep(device, now) {
      const key = device.mac ?? device.address;
      const before = kept.get(key);
      const firstFoundAt = before?.firstFoundAt ?? now;
      // Written first: what the disk did not take is new to the next search as well.
      if (before === undefined || !isDeepStrictEqual(essence(before.device), essence(device))) {
        const { configuredAs: _, ...fact } = device;
        await store.put(PREFIX + key, { firstFoundAt, device: fact });
      }
      kept.set(key, { device, firstFoundAt, lastFoundAt: now });
      await dropOthersAt(device.address, key);
      await dropSurplus();
      return before === undefined;
    },
    at(address) {
      for (const { device } of kept.values()) if (device.address === address) return device;
      return null;
    },
    list: () =>
      [...kept.values()]
        .map((one) => ({
          ...one,
          device: { ...one.device, configuredAs: deps.configuredAs(one.device.address) },
        }))
        .sort((a, b) => compareAddresses(a.device.address, b.device.address)),
  };
}

/** Sources and scores differ a little from search to search; a write is for what a person would call a change. */
function essence({ address, names, model, firmware, profile, signals }: FoundDevice): unknown {
  return {
    ...{ address, model, firmware, name: names[0] ?? null, profile },
    sysDescr: signals.snmpSysDescr ?? null,
  };
}

/** By number where both are IPv4, so that .9 stands before .10; IPv6 after. */
function compareAddresses(a: string, b: string): number {
  return sortKey(a).localeCompare(sortKey(b), 'en');
}

function sortKey(address: string): string {
  if (address.includes(':')) return `~${address}`;
  return address.replace(/\d+/g, (part) => part.padStart(3, '0'));
}
