/** The devices: those of the config, those that were approved, and those that wait for it. */
import * as z from 'zod';
import type { Approval, DeviceCapture, DeviceDetail, DeviceRow } from '../../devices/types.ts';
import { command } from './command.ts';

/** An id, or an address. */
const device = z.string().min(1).max(64);

export const DEVICE_COMMANDS = {
  'devices.list': command(z.strictObject({}), async ({ devices, health }): Promise<DeviceRow[]> => {
    const latest = new Map(health.devices().map(({ id, lastSeenAt }) => [id, lastSeenAt ?? 0]));
    // Health has seen what came before anything was measured.
    return (await devices.list()).map((row) => ({
      ...row,
      lastSeenAt: Math.max(row.lastSeenAt ?? 0, latest.get(row.id ?? '') ?? 0) || null,
    }));
  }),

  'devices.show': command(
    z.strictObject({ device }),
    (deps, input): Promise<DeviceDetail> => deps.devices.show(input.device),
  ),

  'devices.approve': command(
    z.strictObject({
      device,
      id: z.string().min(1).max(64).optional(),
      name: z.string().min(1).max(80).optional(),
      profile: z.string().min(1).max(100).optional(),
      by: z.string().min(1),
    }),
    (deps, input): Promise<Approval> => deps.devices.approve(input),
  ),

  /** Answers when the device has sent a message, or the time is over; ends when whoever asked has left. */
  'devices.capture': command(
    z.strictObject({ device, seconds: z.int().min(1).max(3600).default(300) }),
    ({ devices }, input, signal): Promise<DeviceCapture> =>
      devices.capture({ device: input.device, waitMs: input.seconds * 1000, signal }),
  ),

  'devices.forget': command(
    z.strictObject({ device, by: z.string().min(1) }),
    (deps, input): Promise<{ id: string | null; address: string }> => deps.devices.forget(input),
  ),
};
