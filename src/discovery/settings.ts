/** Settings of the search for devices. */
import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { network, secretValue } from '../core/settings.ts';
import { areTooLarge } from './networks.ts';

/** Each question is a datagram or a connection attempt; a /24 takes about half a minute then. */
export const DEFAULT_QUESTIONS_PER_SECOND = 100;

export const discoverySettings = () =>
  z.strictObject({
    networks: z
      .array(network())
      .min(1)
      .refine((networks) => !areTooLarge(networks), {
        error: `expected ${LIMITS.discoveryAddressesMax} addresses at most in all networks together, which is a /20`,
      })
      .describe('Networks to search; no other is ever asked.'),
    everyHours: z
      .int()
      .min(1)
      .max(720)
      .optional()
      .describe('Search on a schedule; left out, only when asked.'),
    snmpCommunity: secretValue().optional().describe('SNMP v1 and v2c community; left out, public.'),
    questionsPerSecond: z
      .int()
      .min(1)
      .max(1000)
      .default(DEFAULT_QUESTIONS_PER_SECOND)
      .describe('How fast to ask, all devices together, in datagrams and connections a second.'),
  });
