/** The three devices of the demo, as old offices have them (docs/reference/quirks.md). */
import type { ScanOptions } from './device.ts';

export interface DemoDevice
  extends Pick<ScanOptions, 'tls' | 'tlsMax' | 'hello' | 'from' | 'to' | 'slowHelloMs'> {
  id: string;
  /** What a visitor reads. */
  title: string;
  /** Loopback address it comes from; the agent's configuration lists it. */
  address: string;
  profile: string;
}

export const DEMO_DEVICES: readonly DemoDevice[] = [
  {
    id: 'copier-2f',
    title: 'copier, TLS 1.0',
    address: '127.0.0.21',
    profile: 'generic/tls1.0',
    tls: 'starttls',
    tlsMax: 'TLSv1',
    // A host name without a dot, as I2 recorded it.
    hello: { verb: 'EHLO', name: 'XC-B8C463' },
    from: 'copier-2f@contoso.com',
    to: ['office@contoso.com'],
  },
  {
    id: 'scanner-post',
    title: 'scanner, no TLS',
    address: '127.0.0.22',
    profile: 'generic/plain',
    tls: 'none',
    // HELO with an address literal (Q4, Q5).
    hello: { verb: 'HELO', name: '[127.0.0.22]' },
    from: 'scanner-post@contoso.com',
    // Outside the tenant: direct send can't carry it, so the mailbox does.
    to: ['partner@fabrikam.com'],
  },
  {
    id: 'printer-lobby',
    title: 'printer, TLS at once',
    address: '127.0.0.23',
    profile: 'generic/implicit',
    tls: 'implicit',
    tlsMax: 'TLSv1.2',
    hello: { verb: 'EHLO', name: 'NPIF65E56' },
    from: 'printer-lobby@contoso.com',
    to: ['office@contoso.com'],
  },
];
