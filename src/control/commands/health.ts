/** How everything is: each reading with its grade, and each device. */
import * as z from 'zod';
import type { DeviceHealth, HealthReport } from '../../health/types.ts';
import { command } from './command.ts';

export interface HealthAnswer extends HealthReport {
  devices: DeviceHealth[];
}

export const HEALTH_COMMANDS = {
  /** Looks at everything now. */
  health: command(z.strictObject({}), async ({ health }): Promise<HealthAnswer> => {
    const report = await health.look();
    return { ...report, devices: health.devices() };
  }),
};
