/** Addresses that no server takes, brought into a legal form that means the same (RFC 5321 4.1.2, 4.1.3). */
import { isIP } from 'node:net';
import type { QuirkId } from '../../profiles/quirks.ts';
import { addressLiteral } from '../addresses.ts';

export interface ReadAddress {
  address: string;
  quirk: QuirkId | null;
}

/** Labels of letters, digits and hyphens; letters of other scripts are smtp-server's to judge. */
const DOMAIN = /^(?!-)[A-Za-z0-9\x80-\xff-]+(?:\.[A-Za-z0-9\x80-\xff-]+)*$/;
/** A local part that is legal but for a dot at one of its ends. */
const DOT_AT_END = /^(?=\.|.*\.$)\.?[^\s."\\<>@]+(?:\.[^\s."\\<>@]+)*\.?$/;
const LOCAL_PART = /^[^\s"\\<>@]+$/;

/**
 * `anna@contoso.com.` ends in the dot of the root, as DNS writes a whole name (RFC 1034 3.1); mail has none (RFC 5321
 * 4.1.2). One dot behind a domain goes; two of them, or one behind nothing, are left to be refused.
 */
export function dropRootDot(address: string): ReadAddress {
  const at = address.lastIndexOf('@');
  if (at < 0 || !address.endsWith('.') || !DOMAIN.test(address.slice(at + 1, -1)))
    return { address, quirk: null };
  return { address: address.slice(0, -1), quirk: 'domain-dot' };
}

/** `user.@contoso.com`, as HPE iLO sends it, is the mailbox that is written `"user."@contoso.com`. */
export function quoteDots(address: string): ReadAddress {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  if (at < 0 || !DOT_AT_END.test(local)) return { address, quirk: null };
  return { address: `"${local}"${address.slice(at)}`, quirk: 'local-part-dot' };
}

/**
 * A sender made of a host name, a bare word or a bare address: Fujitsu scanners allow both by design. A bare
 * address becomes a literal; without a usable domain the box's own name stands in, as Postfix does for its host.
 * Replies go nowhere either way: the sender that Microsoft 365 sees is the route's to choose.
 */
export function completeSender(address: string, hostname: string): ReadAddress {
  const at = address.lastIndexOf('@');
  const local = at < 0 ? address : address.slice(0, at);
  const domain = at < 0 ? '' : address.slice(at + 1);
  if (!LOCAL_PART.test(local)) return { address, quirk: null };
  if (isIP(domain) !== 0)
    return { address: `${local}@${addressLiteral(domain)}`, quirk: 'sender-incomplete' };
  if (DOMAIN.test(domain) || domain.startsWith('[')) return { address, quirk: null };
  // Where a profile names this quirk alone, a domain that only has the dot of the root is kept all the same.
  const rootless = dropRootDot(address);
  if (rootless.quirk !== null) return { address: rootless.address, quirk: 'sender-incomplete' };
  return { address: `${local}@${hostname}`, quirk: 'sender-incomplete' };
}
