/** Whether a request comes from our own page: against forged forms, and against names that are turned to us. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** True where only this machine can connect. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\./.test(address);
}

/**
 * A page of this machine alone answers to the names of this machine alone: another site's name that its owner turns
 * to 127.0.0.1 (DNS rebinding) would otherwise make the browser hand our pages to that site.
 */
export function isOwnHost(request: IncomingMessage, address: string): boolean {
  return !isLoopback(address) || isLoopback(hostOf(request));
}

/** Browsers say where a form comes from (Fetch Metadata, or Origin); one that says nothing is none. */
export function isOwnForm(request: IncomingMessage): boolean {
  const { 'sec-fetch-site': site, origin, host } = request.headers;
  if (site !== undefined) return site === 'same-origin';
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host;
}

/** Name in the Host header without its port and brackets. */
function hostOf(request: IncomingMessage): string {
  const host = request.headers.host ?? '';
  const bare = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? bare.toLowerCase() : bare;
}
