/** Switches that make a simulated host misbehave; each may be turned at any time and holds from the next step on. */
import type { HostKind, Stage } from './replies.ts';

export type CertificateKind = 'valid' | 'expired' | 'wrong-name' | 'self-signed';

export interface HostFaults {
  /** A middlebox takes STARTTLS out of the EHLO reply and refuses the command. */
  stripStarttls: boolean;
  /** A host that does everything in plain text: no STARTTLS, sign-in and mail without TLS. */
  plainTextOnly: boolean;
  /** Highest TLS version spoken; null is TLS 1.2 and 1.3. */
  tlsMaxVersion: 'TLSv1' | 'TLSv1.1' | null;
  certificate: CertificateKind;
  /** The TLS hello is answered by this fatal alert (RFC 8446 section 6). */
  tlsAlert: number | null;
  /** The connection is cut where the reply of this step would come; nothing is kept then. */
  cutAt: Stage | null;
  /** No reply comes at this step, nor later. */
  silentAt: Stage | null;
  /** Every reply is written one byte at a time. */
  replyByteByByte: boolean;
  /** The reply of this step grows to 1 MiB of continuation lines. */
  hugeReplyAt: Stage | null;
  /** The message is kept, then the connection is cut instead of the final 250. */
  dropAfterFinalDot: boolean;
}

export function noFaults(): HostFaults {
  return {
    stripStarttls: false,
    plainTextOnly: false,
    tlsMaxVersion: null,
    certificate: 'valid',
    tlsAlert: null,
    cutAt: null,
    silentAt: null,
    replyByteByByte: false,
    hugeReplyAt: null,
    dropAfterFinalDot: false,
  };
}

export type FaultSwitches = Record<HostKind, HostFaults>;

const HUGE_BYTES = 1024 * 1024;

/** The same reply behind 1 MiB of continuation lines (RFC 5321 section 4.2.1). */
export function hugeReply(reply: string): string {
  const line = `${reply.slice(0, 3)}-${'x'.repeat(500)}\r\n`;
  return line.repeat(Math.ceil(HUGE_BYTES / line.length)) + reply;
}
