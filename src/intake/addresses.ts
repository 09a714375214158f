/** Addresses and networks: one spelling for each address, and the question whether a network holds it. */
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

/**
 * One spelling for an IP address as a socket or a setting gives it: lower case, compressed, without zone,
 * and an IPv4 address that a dual-stack socket shows as `::ffff:192.0.2.1` as plain IPv4.
 */
export function normaliseAddress(raw: string): string {
  const bare = raw.replace(/%.*$/, '');
  if (!isIPv6(bare)) return bare;
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = canonical.replace(/^::ffff:/, '');
  return isIPv4(mapped) ? mapped : canonical;
}

/** Tells whether one of `networks` (CIDR notation or single addresses) holds a normalised address. */
export function createNetworkList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) addNetwork(list, network);
  return (address) => list.check(address, familyOf(address));
}

function addNetwork(list: BlockList, network: string): void {
  const [base = '', prefix] = network.split('/');
  if (prefix === undefined) {
    const address = normaliseAddress(base);
    list.addAddress(address, familyOf(address));
    return;
  }
  list.addSubnet(base, Number(prefix), familyOf(base));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** Whether the connection comes from the box itself. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** An address as mail headers write it (RFC 5321 section 4.1.3). */
export function addressLiteral(address: string): string {
  return isIPv4(address) ? `[${address}]` : `[IPv6:${address}]`;
}

/** An address with a port, where the colons of IPv6 need brackets (RFC 3986 section 3.2.2). */
export function addressAndPort({ address, port }: { address: string; port: number }): string {
  return isIPv4(address) ? `${address}:${port}` : `[${address}]:${port}`;
}

/**
 * Whether a list of addresses and domains, such as `scanner@contoso.com` or `contoso.com`, holds a mail
 * address. Case does not matter; a domain does not stand for its subdomains.
 */
export function matchesMailRules(rules: readonly string[], mailAddress: string): boolean {
  const wanted = mailAddress.toLowerCase();
  const domain = wanted.slice(wanted.lastIndexOf('@') + 1);
  return rules.some((rule) => {
    const entry = rule.toLowerCase().replace(/^@/, '');
    return entry.includes('@') ? entry === wanted : wanted.includes('@') && entry === domain;
  });
}
