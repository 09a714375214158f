/** The part of a notice that machines read: message/delivery-status (RFC 3464). Pure. */
import { isIPv6 } from 'node:net';
import type { MessageHead } from '../core/message.ts';
import { asciiLine, foldField } from './mime.ts';
import { localMailDate } from './times.ts';
import type { Undelivered } from './undelivered.ts';

/** What becomes of the recipients now (RFC 3464 2.3.3). */
export type Action = { kind: 'failed' } | { kind: 'delayed'; until: number };

/** A field that machines read has no use for more, and no line may have more than 998 characters. */
const DIAGNOSTIC_MAX = 900;

/** Lines parted by LF. */
export function deliveryStatus(
  head: MessageHead,
  recipients: readonly Undelivered[],
  { hostname, action }: { hostname: string; action: Action },
): string {
  const blocks = [messageFields(head, hostname), ...recipients.map((one) => recipientFields(one, action))];
  return blocks
    .map((fields) => fields.map(([name, value]) => `${foldField(name, value)}\n`).join(''))
    .join('\n')
    .replaceAll('\r\n', '\n');
}

type Field = readonly [name: string, value: string];

function messageFields({ id, receivedAt, device }: MessageHead, hostname: string): Field[] {
  const literal = isIPv6(device.address) ? `[IPv6:${device.address}]` : `[${device.address}]`;
  return [
    ['Reporting-MTA', `dns; ${asciiLine(hostname)}`],
    ['Received-From-MTA', `dns; ${literal}`],
    ['Arrival-Date', localMailDate(receivedAt)],
    ['X-Scanferry-Message', id],
    ...(device.id === null ? [] : [['X-Scanferry-Device', device.id] as const]),
  ];
}

function recipientFields(one: Undelivered, action: Action): Field[] {
  const { address, host, reply, lastAttemptAt } = one;
  return [
    ['Final-Recipient', `rfc822; ${asciiLine(address)}`],
    ['Action', action.kind],
    ['Status', statusOf(one, action)],
    ...(host === null ? [] : [['Remote-MTA', `dns; ${asciiLine(host)}`] as const]),
    ...(reply === null
      ? []
      : [['Diagnostic-Code', `smtp; ${asciiLine(reply).slice(0, DIAGNOSTIC_MAX)}`] as const]),
    ...(lastAttemptAt === null ? [] : [['Last-Attempt-Date', localMailDate(lastAttemptAt)] as const]),
    ...(action.kind === 'delayed' ? [['Will-Retry-Until', localMailDate(action.until)] as const] : []),
  ];
}

/** What this box itself decided (RFC 3463 section 3). */
const OWN_STATUS: Readonly<Record<string, string>> = {
  'message.too-old': '5.4.7',
  'message.too-large': '5.3.4',
  'message.header-too-large': '5.6.0',
  'message.address-invalid': '5.1.3',
  'message.no-rule': '5.4.4',
  'message.no-route': '5.4.4',
  'message.sender-held': '5.7.0',
  'intake.unfinished': '5.6.0',
  'spool.hold-expired': '5.4.7',
  'spool.lost-in-damage': '5.3.0',
};

/** The enhanced status code: our own reason, or what the other side said; its class fits the action (RFC 3464 2.3.4). */
function statusOf({ code, reply }: Undelivered, { kind }: Action): string {
  const answered = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(reply ?? '')?.[1];
  const own = kind === 'failed' ? OWN_STATUS[code] : undefined;
  if (own !== undefined) return own;
  const wanted = kind === 'failed' ? '5' : '4';
  return answered?.startsWith(wanted) ? answered : `${wanted}.0.0`;
}
