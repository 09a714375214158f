/** Settings of the search for devices. */
import * as z from 'zod';
import { network, secretValue } from '../core/settings.ts';

export const discoverySettings = z.strictObject({
  networks: z.array(network).min(1).describe('Networks to search; no other is ever asked.'),
  everyHours: z.int().min(1).max(720).optional().describe('Search on a schedule; left out, only when asked.'),
  snmpCommunity: secretValue.optional().describe('SNMP v1 and v2c community; left out, public.'),
});

export type DiscoverySettings = z.output<typeof discoverySettings>;
