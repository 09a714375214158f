/** The devices that a person has let in, kept in the spool: they survive a restart and are part of a backup. */
import * as z from 'zod';
import { normaliseAddress } from '../intake/addresses.ts';
import type { DeviceSettings } from '../intake/settings.ts';
import { FACTS_ROOM } from './facts.ts';
import type { DevicesSpool } from './types.ts';

const PREFIX = 'approved ';

const approvedSchema = z.object({
  id: z.string(),
  address: z.string(),
  name: z.string().optional(),
  profile: z.string().optional(),
  at: z.number(),
  by: z.string(),
});

export type ApprovedDevice = z.output<typeof approvedSchema>;

export interface ApprovedDevices {
  load(): Promise<void>;
  list(): ApprovedDevice[];
  find(device: string): ApprovedDevice | null;
  /** Resolves after the durable write. */
  put(device: ApprovedDevice): Promise<void>;
  remove(id: string): Promise<void>;
}

export function createApprovedDevices(spool: DevicesSpool): ApprovedDevices {
  const approved = new Map<string, ApprovedDevice>();
  return {
    async load() {
      for (const [key, value] of await spool.getFacts(FACTS_ROOM)) {
        const fact = approvedSchema.safeParse(value);
        if (key.startsWith(PREFIX) && fact.success) approved.set(fact.data.id, fact.data);
      }
    },
    list: () => [...approved.values()].sort((a, b) => a.at - b.at),
    find: (device) =>
      approved.get(device) ?? [...approved.values()].find(({ address }) => address === device) ?? null,
    async put(device) {
      await spool.putFact(FACTS_ROOM, PREFIX + device.id, device);
      approved.set(device.id, device);
    },
    async remove(id) {
      await spool.deleteFact(FACTS_ROOM, PREFIX + id);
      approved.delete(id);
    },
  };
}

/** As it would stand in the config. */
function settingsOf({ id, address, name, profile }: ApprovedDevice): DeviceSettings {
  return { id, address, name, profile };
}

/** Devices of the config first; an approved one whose id or address the config names has its word no longer. */
export function withApproved(
  configured: readonly DeviceSettings[],
  approved: readonly ApprovedDevice[],
): DeviceSettings[] {
  return [...configured, ...approved.filter((one) => !isNamed(one, configured)).map(settingsOf)];
}

function isNamed(
  { id, address }: Pick<ApprovedDevice, 'id' | 'address'>,
  configured: readonly DeviceSettings[],
): boolean {
  return configured.some((device) => device.id === id || isAt(device, address));
}

/** Whether a device of the config is the one at a normalised address. */
export function isAt(device: DeviceSettings, address: string): boolean {
  return device.address !== undefined && normaliseAddress(device.address) === address;
}

/** The entry for `devices` of the config. */
export function yamlOf({ id, address, name, profile }: ApprovedDevice): string {
  return [
    `  - id: ${id}`,
    `    address: '${address}'`,
    ...(name === undefined ? [] : [`    name: ${JSON.stringify(name)}`]),
    ...(profile === undefined ? [] : [`    profile: ${profile}`]),
  ].join('\n');
}
