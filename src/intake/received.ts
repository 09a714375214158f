/** The trace field that says how a message came in (RFC 5321 section 4.4), and dates as mail writes them. */
import type { DeviceFacts } from '../core/message.ts';
import { addressLiteral } from './addresses.ts';

export interface ReceivedFacts {
  device: DeviceFacts;
  hostname: string;
  messageId: string;
  /** Of arrival, as mail writes it. */
  date: string;
  /** Such as `ESMTPSA` (RFC 3848). */
  protocol: string;
}

/** A domain or an address literal; anything else in a greeting does not belong into a header. */
const GREETING =
  /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\]|\[IPv6:[0-9A-Fa-f:.]{2,45}\])$/;

/** The whole field, folded, with line end. */
export function receivedField(facts: ReceivedFacts): string {
  const literal = addressLiteral(facts.device.address);
  const greeting = facts.device.greeting ?? '';
  const from = GREETING.test(greeting) ? greeting : literal;
  const tls = facts.device.tls ? `\r\n\t(${facts.device.tls.protocol} ${facts.device.tls.cipher})` : '';
  return (
    `Received: from ${from} (${literal})\r\n` +
    `\tby ${facts.hostname} (Scanferry) with ${facts.protocol} id ${facts.messageId}${tls};\r\n` +
    `\t${facts.date}\r\n`
  );
}

/** A date in the form of RFC 5322 section 3.3, in UTC. */
export function mailDate(epochMs: number): string {
  return new Date(epochMs).toUTCString().replace('GMT', '+0000');
}
