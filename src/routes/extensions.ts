/** What a server says of itself in its EHLO reply (RFC 5321 section 4.1.1.1). */
import { isIP } from 'node:net';

export interface ServerExtensions {
  /** Largest message in bytes (RFC 1870), or null where it tells none. */
  sizeMax: number | null;
  /** Sign-in mechanisms, upper case. */
  mechanisms: string[];
  /** The address the server sees us at; Microsoft's MX says it in the first line. */
  seenAddress: string | null;
}

/** @param lines of the EHLO reply without their codes; the first is the greeting. */
export function parseExtensions(lines: readonly string[]): ServerExtensions {
  const [greeting = '', ...offers] = lines;
  const size = offers.map((line) => /^SIZE\s+(\d+)$/i.exec(line)?.[1]).find((digits) => digits !== undefined);
  return {
    sizeMax: size === undefined || Number(size) === 0 ? null : Number(size),
    mechanisms: offers.flatMap((line) =>
      /^AUTH[\s=]/i.test(line) ? line.slice(5).toUpperCase().split(/\s+/) : [],
    ),
    seenAddress: seenAddressIn(greeting),
  };
}

function seenAddressIn(greeting: string): string | null {
  const address = /\[(?:IPv6:)?([0-9a-f.:]+)\]/i.exec(greeting)?.[1];
  return address !== undefined && isIP(address) !== 0 ? address : null;
}
