/** What a message is, to every room: its head, its recipients and their states. The body is a stream. */

/** Short, unique, time-ordered, safe in a file name and on a command line. */
export type MessageId = string;

/** TLS as negotiated on one leg; names as Node.js reports them, such as `TLSv1` and `AES128-SHA`. */
export interface TlsFacts {
  protocol: string;
  cipher: string;
}

/** When the mailbox of a route takes the place of a sender. */
export const SENDER_REWRITES = ['off', 'if-needed', 'always'] as const satisfies readonly string[];
export type SenderRewrite = (typeof SENDER_REWRITES)[number];

/** Who handed a message in, as intake saw it. */
export interface DeviceFacts {
  /** Id of the configured device, or null for a device nobody configured. */
  id: string | null;
  /** IP address the connection came from. */
  address: string;
  /** Argument of HELO or EHLO, cleaned of control characters. */
  greeting: string | null;
  /** Login the device signed in with, if it did. */
  login: string | null;
  /** Profile id in force for this device. */
  profile: string | null;
  /** Sender address that is put in place of whatever the device sends; left out, none is. */
  from?: string;
  /** In place of what the route says of rewriting; left out, the route decides. */
  rewriteSender?: SenderRewrite;
  /** `address:port` of the listener. */
  listener: string;
  /** TLS towards the device, null for plain text. */
  tls: TlsFacts | null;
}

/**
 * Who wrote a message on its own, with nobody at the panel: `notice` this box, to tell a person something; `automatic` a
 * device that says so in Auto-Submitted (RFC 3834 section 5).
 */
export type MessageOrigin = 'notice' | 'automatic';

/** Everything about a message but its body. Addresses are without angle brackets; '' is the null sender. */
export interface MessageHead {
  id: MessageId;
  receivedAt: number;
  sender: string;
  /** Value of the Message-ID header, angle brackets included; the same on every attempt. */
  messageIdHeader: string;
  /** Size of the stored body: headers and content, CRLF line ends, not dot-stuffed. */
  bodyBytes: number;
  device: DeviceFacts;
  /** Left out for the scan of a person. */
  origin?: MessageOrigin;
}

export type RecipientState =
  | 'queued'
  | 'sending'
  | 'deferred'
  | 'held'
  | 'delivered'
  | 'failed'
  | 'cancelled';

/** States in which nothing more will happen by itself and the body is not needed for this recipient. */
export const SETTLED_STATES = ['delivered', 'cancelled'] as const satisfies readonly RecipientState[];

/** The domain of an address, lower case; '' when it has none. */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? '' : address.slice(at + 1).toLowerCase();
}
