/** The addresses of this box, as the system has them. */
import os from 'node:os';

/** Every address a device may know this box by; those that only mean something on their own link are left out. */
export function boxAddresses(): string[] {
  return Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'));
}
