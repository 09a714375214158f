/** The networks this box stands in, as a first proposal for those of the copiers. */
import os from 'node:os';

/** IPv4 networks in CIDR notation. */
export function ownNetworks(interfaces = os.networkInterfaces()): string[] {
  const found = Object.values(interfaces).flatMap((infos) =>
    (infos ?? []).flatMap(({ family, internal, address, netmask }) =>
      family === 'IPv4' && !internal && !address.startsWith('169.254.') ? [networkOf(address, netmask)] : [],
    ),
  );
  return [...new Set(found)];
}

function networkOf(address: string, netmask: string): string {
  const [bytes, mask] = [address, netmask].map((text) => text.split('.').map(Number));
  const base = (bytes ?? []).map((byte, index) => byte & (mask?.[index] ?? 0));
  const prefix = (mask ?? []).reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  return `${base.join('.')}/${prefix}`;
}
