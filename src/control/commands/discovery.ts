/** The search for devices: now, or what was found before. */
import * as z from 'zod';
import type { DiscoveryStep, FoundDevice, KeptDevice, SearchSummary } from '../../discovery/types.ts';
import { discoverRequest } from '../protocol.ts';
import { command } from './command.ts';

export interface DiscoveryResult {
  devices: FoundDevice[];
  summary: SearchSummary;
}

export const DISCOVERY_COMMANDS = {
  /** Searches to the end; `discover-steps` of the control socket tells each device as it is found. */
  discover: command(discoverRequest, (deps, input): Promise<DiscoveryResult> => {
    const signal = new AbortController().signal;
    return collect(deps.discovery.discover({ network: input.network, signal }));
  }),

  'discover.known': command(
    z.strictObject({}),
    async (deps): Promise<KeptDevice[]> => deps.discovery.found(),
  ),
};

async function collect(steps: AsyncIterable<DiscoveryStep>): Promise<DiscoveryResult> {
  const devices: FoundDevice[] = [];
  for await (const step of steps) {
    if (step.step === 'found' && step.device.isDevice) devices.push(step.device);
    if (step.step === 'done') {
      const { step: _, ...summary } = step;
      return { devices, summary };
    }
  }
  throw new Error('a search has ended without its last step');
}
