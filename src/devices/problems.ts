/** What the register of devices tells an operator when it can't do as asked. */
import type { Explanation } from '../core/errors.ts';

export const PROBLEMS = {
  unknownDevice: (device: string): Explanation => ({
    code: 'devices.unknown',
    cause: `Nothing is known of a device ${device}.`,
    advice:
      '`scanferry devices list` shows all that are known, have sent, or were found; name one by its id or address.',
  }),
  notAnAddress: (device: string): Explanation => ({
    code: 'devices.not-an-address',
    cause: `${device} is neither an IP address nor the id of an approved device.`,
    advice:
      'Approve a device by the address it sends from, such as 192.168.50.21; `scanferry devices list` shows it.',
  }),
  inConfig: (id: string): Explanation => ({
    code: 'devices.in-config',
    cause: `The device ${id} stands in the config, which has the last word.`,
    advice: 'Change or remove its entry under `devices`, then run `scanferry reload`.',
  }),
  badId: (id: string): Explanation => ({
    code: 'devices.bad-id',
    cause: `${id} can't be the id of a device.`,
    advice: 'Take up to 64 lower-case letters, digits and hyphens, such as copier-2f.',
  }),
  idTaken: (id: string, address: string): Explanation => ({
    code: 'devices.id-taken',
    cause: `The id ${id} belongs to the device at ${address} already.`,
    advice: 'Choose another one with --id, or forget the other device first.',
  }),
  unknownProfile: (profile: string): Explanation => ({
    code: 'devices.unknown-profile',
    cause: `There is no profile ${profile}.`,
    advice:
      '`scanferry profiles list` shows them; leave --profile out to go by what the device says of itself.',
  }),
  tooMany: (limit: number): Explanation => ({
    code: 'devices.too-many',
    cause: `${limit} devices have been approved, and that is the limit.`,
    advice: 'Write those that stay into the config, where there is none, and forget the approved entries.',
  }),
  captureBusy: (): Explanation => ({
    code: 'devices.capture-busy',
    cause: 'Another device is being captured.',
    advice: 'Wait until that is over, or end it with Ctrl-C where it was started.',
  }),
  noAddress: (device: string): Explanation => ({
    code: 'devices.no-address',
    cause: `No address is known of ${device}.`,
    advice: 'Name the address that the device sends from, such as 192.168.50.21.',
  }),
  onlyFound: (address: string): Explanation => ({
    code: 'devices.only-found',
    cause: `The device at ${address} has not sent anything; a search has found it.`,
    advice: 'There is nothing to forget; a search forgets it when another device has its address.',
  }),
} as const;
