/** What can keep a search from being made. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  noNetwork: (): Explanation => ({
    code: 'discovery.no-network',
    cause: 'No network is configured to be searched.',
    advice: 'Name them under discovery.networks, or name one with --network where there is no config yet.',
  }),
  badNetwork: (network: string): Explanation => ({
    code: 'discovery.bad-network',
    cause: `${network} is not a network.`,
    advice: 'Write it as 192.168.50.0/24, or as one address.',
  }),
  notConfigured: (network: string, configured: string): Explanation => ({
    code: 'discovery.not-configured',
    cause: `${network} is not a part of the networks that may be searched, which are ${configured}.`,
    advice: 'Add it to discovery.networks first: no other network is ever asked.',
  }),
  tooLarge: (networks: string, most: number): Explanation => ({
    code: 'discovery.network-too-large',
    cause: `${networks} holds more than the ${most} addresses (a /20) that one search asks.`,
    advice: 'Name the part where the devices are, with --network or under discovery.networks.',
  }),
  busy: (): Explanation => ({
    code: 'discovery.busy',
    cause: 'A search for devices is already under way.',
    advice: 'Wait until it is over; `scanferry discover --known` shows what was found before.',
  }),
} as const;
