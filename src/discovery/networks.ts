/** The networks that may be searched, and the addresses in them. IPv6 networks are too large to be asked one by one. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { LIMITS } from '../core/limits.ts';

/** How many addresses of an IPv4 network would be asked; 0 for IPv6, whose devices are found by DNS-SD alone. */
export function countAddresses(network: string): number {
  const { isV4, prefix } = parse(network);
  if (!isV4) return 0;
  const size = 2 ** (32 - prefix);
  return prefix >= 31 ? size : size - 2;
}

/** Whether these networks together have more addresses than one search asks. */
export function areTooLarge(networks: readonly string[]): boolean {
  return networks.reduce((sum, network) => sum + countAddresses(network), 0) > LIMITS.discoveryAddressesMax;
}

/** Every IPv4 address to ask, each once, without the network's own and its broadcast address (RFC 1122 3.2.1.3). */
export function* listAddresses(networks: readonly string[]): Generator<string> {
  const seen = new Set<number>();
  for (const network of networks) {
    const { base, prefix, isV4 } = parse(network);
    if (!isV4) continue;
    const size = 2 ** (32 - prefix);
    const first = Math.floor(toNumber(base) / size) * size;
    const edge = prefix >= 31 ? 0 : 1;
    for (let value = first + edge; value < first + size - edge; value += 1) {
      if (seen.has(value)) continue;
      seen.add(value);
      yield toText(value);
    }
  }
}

/** Tells whether one of `networks` holds an address; a zone such as `%eth0` does not matter. */
export function createMembership(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const { base, prefix, isV4 } = parse(network);
    list.addSubnet(base, prefix, isV4 ? 'ipv4' : 'ipv6');
  }
  return (address) => {
    const bare = address.replace(/%.*$/, '');
    return isIP(bare) !== 0 && list.check(bare, isIPv4(bare) ? 'ipv4' : 'ipv6');
  };
}

/** Whether `network` lies as a whole within one of `allowed`. */
export function isWithin(network: string, allowed: readonly string[]): boolean {
  const inner = parse(network);
  return allowed.some((candidate) => {
    const outer = parse(candidate);
    return (
      outer.isV4 === inner.isV4 && outer.prefix <= inner.prefix && createMembership([candidate])(inner.base)
    );
  });
}

interface Parsed {
  base: string;
  prefix: number;
  isV4: boolean;
}

/** The setting's schema has checked the text: an address, or a network in CIDR notation. */
function parse(network: string): Parsed {
  const [base = '', prefix] = network.split('/');
  const isV4 = isIPv4(base);
  return { base, isV4, prefix: prefix === undefined ? (isV4 ? 32 : 128) : Number(prefix) };
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
