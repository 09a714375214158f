/** Protocol versions in the words of people. */

/** `TLS 1.0` for Node's `TLSv1`. */
export function tlsVersionInWords(protocol: string): string {
  const version = protocol.replace(/^TLSv/, '');
  if (version === protocol) return protocol;
  return `TLS ${version.includes('.') ? version : `${version}.0`}`;
}
