/** Who made a network interface, as far as its hardware address tells: the makers of devices alone are listed. */
import { OUI_PREFIXES } from './oui.generated.ts';

let makers: Map<string, string> | null = null;

/** Organisation of the IEEE register, or null for every other maker. `mac` is written with colons. */
export function ouiVendorOf(mac: string): string | null {
  makers ??= readPrefixes();
  return makers.get(mac.replaceAll(':', '').slice(0, 6).toUpperCase()) ?? null;
}

function readPrefixes(): Map<string, string> {
  return new Map(
    Object.entries(OUI_PREFIXES).flatMap(([maker, prefixes]) =>
      prefixes.split(' ').map((prefix) => [prefix, maker] as const),
    ),
  );
}
