/** The agent itself: another config, other profiles, or a new start. */
import * as z from 'zod';
import { LIMITS } from '../../core/limits.ts';
import type { ProfilesReport, SetConfigReport } from '../deps.ts';
import { command } from './command.ts';

const by = z.string().min(1);

export const AGENT_COMMANDS = {
  'config.set': command(
    z.strictObject({
      config: z.string().min(1).max(LIMITS.configBytesMax).describe('The whole config, as YAML.'),
      windowSeconds: z
        .int()
        .min(LIMITS.configTrialMinMs / 1000)
        .max(LIMITS.configTrialMaxMs / 1000)
        .default(LIMITS.configTrialDefaultMs / 1000)
        .describe('How long health is watched before the new config is kept for good.'),
      by,
    }),
    (deps, input): Promise<SetConfigReport> => deps.setConfig(input),
  ),

  'profiles.update': command(
    z.strictObject({
      pack: z
        .string()
        .max(LIMITS.profilePackBytesMax)
        .nullable()
        .describe('The pack, as `scanferry fleet pack` makes it; null goes back to the built-in profiles.'),
      by,
    }),
    (deps, input): Promise<ProfilesReport> => deps.updateProfiles(input),
  ),

  restart: command(z.strictObject({ by }), async (deps, input): Promise<{ version: string }> => {
    deps.restart(input.by);
    return { version: deps.version };
  }),
};
