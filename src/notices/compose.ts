/** A notice as a message: its header, and the report around its text (RFC 3464, RFC 6522). Pure. */
import type { MessageHead } from '../core/message.ts';
import { type Action, deliveryStatus } from './delivery-status.ts';
import { composeMultipart, composePlain, headerText, namedAddress, type Part } from './mime.ts';
import type { NoticeText } from './texts.ts';
import { localMailDate } from './times.ts';
import type { NoticeConfig } from './types.ts';
import type { Undelivered } from './undelivered.ts';

export interface Envelope {
  to: readonly string[];
  /** The same for the same trouble, so that a second copy can be known as one. */
  messageId: string;
  from: string;
  now: number;
}

/** A notice about anything that is not one message. */
export function composeNotice(text: NoticeText, envelope: Envelope, config: NoticeConfig): Buffer {
  // Nobody asked for it (RFC 3834 section 5).
  return composePlain(fieldsOf(text, envelope, config, 'auto-generated'), textPart(text));
}

/** A notice about one message. */
export function composeReport(
  text: NoticeText,
  envelope: Envelope,
  report: {
    config: NoticeConfig;
    head: MessageHead;
    recipients: readonly Undelivered[];
    action: Action;
    /** Null when the header is not there any more. */
    returnedHeader: string | null;
  },
): Buffer {
  const { config, head, recipients, action, returnedHeader } = report;
  const status = deliveryStatus(head, recipients, { hostname: config.hostname, action });
  return composeMultipart(fieldsOf(text, envelope, config, 'auto-replied'), {
    type: 'multipart/report; report-type=delivery-status',
    boundary: `=_${head.id}.${envelope.now}`,
    parts: [
      textPart(text),
      { type: 'message/delivery-status', text: status },
      ...(returnedHeader === null ? [] : [{ type: 'text/rfc822-headers', text: returnedHeader }]),
    ],
  });
}

function textPart({ text }: NoticeText): Part {
  return { type: 'text/plain; charset=utf-8', text };
}

function fieldsOf(
  { subject }: NoticeText,
  { to, messageId, from, now }: Envelope,
  { siteName }: NoticeConfig,
  autoSubmitted: string,
): [name: string, value: string][] {
  return [
    ['Date', localMailDate(now)],
    ['From', namedAddress(`Scanferry, ${siteName}`, from)],
    ['To', to.map((address) => `<${address}>`).join(', ')],
    ['Subject', headerText(`[${siteName}] ${subject}`)],
    ['Message-ID', messageId],
    ['Auto-Submitted', autoSubmitted],
    // Exchange knows neither of the other two: this keeps its own automatic replies away ([MS-OXCMAIL] 2.1.3.2.20).
    ['X-Auto-Response-Suppress', 'All'],
    ['Precedence', 'bulk'],
  ];
}
