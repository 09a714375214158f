/** Every reply by which intake refuses something: what the device is told, and what a person can do about it. */
import type { Explanation } from '../core/errors.ts';
import type { SpoolRefusalReason } from '../spool/types.ts';

/** `smtp` and `enhanced` go onto the wire in front of `cause` (RFC 5321 4.2, RFC 3463). */
export interface ReplyRow {
  smtp: number;
  enhanced: string;
  /** One sentence that a person at the panel of a copier can read. */
  cause: string;
  advice: string;
}

const WAIT = 'The device sends again by itself; if it lasts, see `scanferry status` at the box.';

export const REPLIES = {
  'intake.too-many-connections': {
    smtp: 421,
    enhanced: '4.3.2',
    cause: 'Too many devices are connected, please try again in a minute.',
    advice: 'Find out which device opens so many connections; its address is in the log.',
  },
  'intake.too-many-device-connections': {
    smtp: 421,
    enhanced: '4.7.0',
    cause: 'This device has too many connections open, please try again in a minute.',
    advice: 'Restart the device, or raise intake.connectionsPerDevice.',
  },
  'intake.network-not-trusted': {
    smtp: 554,
    enhanced: '5.7.1',
    cause: 'This box does not take mail from your network.',
    advice: 'Add the network to intake.trustedNetworks, or the device to devices.',
  },
  'intake.tls-required': {
    smtp: 530,
    enhanced: '5.7.0',
    cause: 'Turn on TLS (also called SSL) and sign-in in the mail settings of this device.',
    advice: 'From outside the trusted networks a device must sign in over TLS; see intake.trustedNetworks.',
  },
  'intake.sign-in-required': {
    smtp: 530,
    enhanced: '5.7.0',
    cause: 'Sign in first: enter user name and password in the mail settings of this device.',
    advice:
      'Give the device the login from its entry in devices, or add its network to intake.trustedNetworks.',
  },
  'intake.tls-before-sign-in': {
    smtp: 538,
    enhanced: '5.7.11',
    cause: 'Signing in without TLS is not allowed from your network, turn on TLS (SSL) first.',
    advice: 'Turn on TLS at the device, or add its network to intake.trustedNetworks.',
  },
  'intake.sign-in-not-offered': {
    smtp: 504,
    enhanced: '5.5.4',
    cause: 'This way of signing in is not offered here.',
    advice: 'Set the device to no authentication, or give it a login in its entry in devices.',
  },
  'intake.sign-in-refused': {
    smtp: 535,
    enhanced: '5.7.8',
    cause: 'User name or password is wrong.',
    advice: 'Compare the login at the device with its entry in devices; capitals count.',
  },
  'intake.sign-in-throttled': {
    smtp: 454,
    enhanced: '4.7.0',
    cause: 'Too many wrong passwords, please wait ten minutes and try again.',
    advice: 'Correct the login at the device; it may try again ten minutes after the last failures.',
  },
  'intake.device-unknown': {
    smtp: 550,
    enhanced: '5.7.1',
    cause: 'This device is not registered, please ask your IT department to add it.',
    advice: 'Add the device to devices, or set intake.unknownDevices to hold or accept.',
  },
  'intake.sender-not-allowed': {
    smtp: 550,
    enhanced: '5.7.1',
    cause: 'This sender address is not allowed here, please check the From address of this device.',
    advice: 'Change the sender address at the device, or the senders list in intake or devices.',
  },
  'intake.recipient-not-allowed': {
    smtp: 550,
    enhanced: '5.7.1',
    cause: 'Mail to this recipient is not allowed here.',
    advice: 'Add the address or its domain to the recipients list in intake or devices.',
  },
  'intake.recipient-incomplete': {
    smtp: 553,
    enhanced: '5.1.3',
    cause: 'The recipient address needs a domain, such as name@contoso.com.',
    advice: 'Correct the address book entry at the device.',
  },
  'intake.address-not-ascii': {
    smtp: 553,
    enhanced: '5.6.7',
    cause: 'The part of the address before the @ may hold plain letters only.',
    advice: 'Use an address without accented letters; not every server on the way takes others (RFC 6531).',
  },
  'intake.smtputf8-unsupported': {
    smtp: 555,
    enhanced: '5.6.7',
    cause: 'International mail addresses (SMTPUTF8) are not supported here.',
    advice: 'Use addresses with plain letters at the device.',
  },
  'intake.message-too-large': {
    smtp: 552,
    enhanced: '5.3.4',
    cause: 'The scan is too large, please use a lower resolution or fewer pages.',
    advice: 'Lower the resolution, or raise maxMessageBytes as far as the mailbox allows.',
  },
  'intake.header-too-large': {
    smtp: 552,
    enhanced: '5.3.4',
    cause: 'The header of the message is too large.',
    advice: 'Look at the device: real headers are a few KiB; this one was cut off at the limit.',
  },
  'intake.too-many-recipients': {
    smtp: 452,
    enhanced: '4.5.3',
    cause: 'Too many recipients for one message, please send to fewer.',
    advice: 'Use a distribution list at Microsoft 365 instead of many single addresses.',
  },
  'intake.too-many-messages': {
    smtp: 450,
    enhanced: '4.7.1',
    cause: 'This device has sent too many messages in the last hour, please try again later.',
    advice: 'Find out why the device sends so much, or raise messagesPerHour.',
  },
  'intake.spool-full': {
    smtp: 452,
    enhanced: '4.3.1',
    cause: 'The memory of the box is full, please try again later.',
    advice: 'See why mail is not leaving (scanferry queue list), or raise spool.maxBytes.',
  },
  'intake.held-full': {
    smtp: 452,
    enhanced: '4.3.1',
    cause: 'Too much mail waits for approval at the box, please ask your IT department to add this device.',
    advice:
      'Add the device to devices, then release or cancel what is held (scanferry queue list --state held); half of spool.maxBytes may be held.',
  },
  'intake.disk-full': {
    smtp: 452,
    enhanced: '4.3.1',
    cause: 'The disk of the box is nearly full, please try again later.',
    advice: 'Free disk space; nothing is accepted below spool.minFreeBytes.',
  },
  'intake.disk-error': {
    smtp: 452,
    enhanced: '4.3.0',
    cause: 'The box cannot store mail at the moment, please try again later.',
    advice: 'Check the disk or SD card of the box; the log holds the error.',
  },
  'intake.stopping': {
    smtp: 421,
    enhanced: '4.3.2',
    cause: 'The box is restarting, please try again in a minute.',
    advice: WAIT,
  },
  'intake.internal-error': {
    smtp: 451,
    enhanced: '4.3.0',
    cause: 'Something went wrong at the box, please try again later.',
    advice: 'The log holds the error; please report it.',
  },
  'intake.session-timeout': {
    smtp: 421,
    enhanced: '4.4.2',
    cause: 'The connection was open for too long and is closed.',
    advice: 'Restart the device if this repeats.',
  },
  'intake.command-timeout': {
    smtp: 421,
    enhanced: '4.4.2',
    cause: 'The device was silent for too long, the connection is closed.',
    advice: 'Nothing to do if scans arrive; some devices forget to say goodbye.',
  },
  'intake.data-timeout': {
    smtp: 421,
    enhanced: '4.4.2',
    cause: 'The device stopped in the middle of a message, please send it again.',
    advice: 'Check the network of the device, and whether a scan was left unfinished at its panel.',
  },
  'intake.data-too-slow': {
    smtp: 421,
    enhanced: '4.4.2',
    cause: 'The message came too slowly, please send it again.',
    advice: 'Check cabling, duplex setting and Wi-Fi of the device.',
  },
  'intake.line-too-long': {
    smtp: 500,
    enhanced: '5.5.6',
    cause: 'The command line is too long.',
    advice: 'Something other than a mail device may be talking to this port.',
  },
  'intake.greeting-first': {
    smtp: 503,
    enhanced: '5.5.1',
    cause: 'Say HELO or EHLO first.',
    advice: 'The device leaves out the greeting; please report it with its model name.',
  },
  'intake.mail-nested': {
    smtp: 503,
    enhanced: '5.5.1',
    cause: 'A message is under way already.',
    advice: 'The device starts a message inside another one; please report it with its model name.',
  },
  'intake.mail-first': {
    smtp: 503,
    enhanced: '5.5.1',
    cause: 'Give the sender first (MAIL FROM).',
    advice: 'Often follows on a refused sender: look at the reply before this one.',
  },
  'intake.recipient-first': {
    smtp: 503,
    enhanced: '5.5.1',
    cause: 'Give a recipient first (RCPT TO).',
    advice: 'Often follows on a refused recipient: look at the reply before this one.',
  },
  'intake.sender-syntax': {
    smtp: 501,
    enhanced: '5.1.7',
    cause: 'The sender address is not written correctly, please check the From address of this device.',
    advice: 'Enter a full address such as scanner@contoso.com at the device.',
  },
  'intake.recipient-syntax': {
    smtp: 501,
    enhanced: '5.1.3',
    cause: 'The recipient address is not written correctly.',
    advice: 'Correct the address book entry at the device.',
  },
  'intake.command-unknown': {
    smtp: 500,
    enhanced: '5.5.1',
    cause: 'This command is not known here.',
    advice: 'Nothing to do if scans arrive; some devices try commands of other servers.',
  },
  'intake.control-character': {
    smtp: 501,
    enhanced: '5.5.2',
    cause: 'The command holds a control character.',
    advice: 'Nothing legitimate does this; look at the address in the log.',
  },
  'intake.starttls-active': {
    smtp: 503,
    enhanced: '5.5.1',
    cause: 'TLS is active already.',
    advice: 'Set the device to either SSL/TLS or STARTTLS, not both.',
  },
  'intake.starttls-not-offered': {
    smtp: 502,
    enhanced: '5.5.1',
    cause: 'STARTTLS is not offered on this port.',
    advice: 'Set the listener to tls: starttls or auto, or turn off STARTTLS at the device.',
  },
  'intake.starttls-syntax': {
    smtp: 501,
    enhanced: '5.5.4',
    cause: 'STARTTLS takes no parameters.',
    advice: 'Please report the device with its model name.',
  },
  'intake.protocol': {
    smtp: 500,
    enhanced: '5.5.0',
    cause: 'The command was not understood.',
    advice: 'The log holds the exact reply; please report the device with its model name.',
  },
} as const satisfies Record<string, ReplyRow>;

export type ReplyCode = keyof typeof REPLIES;

/** What can go wrong without a reply that the device could read; the log and the event table explain it. */
export const SILENT_REFUSALS = {
  'intake.tls-failed': {
    cause: 'The device and the box could not agree on TLS.',
    advice:
      'Update the device, or let its TLS 1.0 in, by floor: legacy at the listener and its network in intake.trustedNetworks; one that only knows SSLv3, RC4 or 3DES must be set to no encryption.',
  },
  'intake.tls-plain-text': {
    cause: 'The device sent plain text to a port on which TLS starts at once.',
    advice:
      'Set the device to SSL/TLS, or to another port of the box; a listener with tls: auto takes any setting.',
  },
  'intake.tls-timeout': {
    cause: 'The device did not finish its TLS handshake in time.',
    advice:
      'At a listener with tls: implicit, set the device to SSL/TLS: with another setting it waits for a greeting. Elsewhere restart it; if it repeats, set it to no encryption on this network.',
  },
  'intake.tls-late': {
    cause: 'The device started TLS only after the plain-text banner was sent.',
    advice:
      'Nothing to do on a listener with tls: auto, it waits for this device from now on; set other listeners to auto.',
  },
  'intake.connection-lost': {
    cause: 'The device closed the connection in the middle of a message.',
    advice: 'The device should send again; check its network if the scan does not arrive.',
  },
} as const satisfies Record<string, Omit<Explanation, 'code'>>;

export type SilentCode = keyof typeof SILENT_REFUSALS;

/** Why a message of a device that nobody registered is kept until a person approves it. */
export const HELD_UNKNOWN_DEVICE = {
  code: 'intake.device-held',
  cause: 'The device is not in the list of devices; its mail waits for approval.',
} as const;

/** Why what came of a message is kept when its device went silent before the end (docs/reference/quirks.md Q19). */
export const HELD_UNFINISHED = {
  code: 'intake.unfinished',
  cause: 'The device went silent before the end of this message; a part may be missing.',
} as const;

/** The reply to a passing fault of the spool: never permanent, so that the device keeps the scan. */
export const SPOOL_REPLIES = {
  quota: 'intake.spool-full',
  'held-quota': 'intake.held-full',
  'disk-full': 'intake.disk-full',
  'disk-error': 'intake.disk-error',
  stopping: 'intake.stopping',
} as const satisfies Record<SpoolRefusalReason, ReplyCode>;

/** The whole reply line, with line end. */
export function replyLine(code: ReplyCode): string {
  const row: ReplyRow = REPLIES[code];
  return `${row.smtp} ${row.enhanced} ${row.cause}\r\n`;
}

/** A refusal in the form that smtp-server's callbacks take; it carries our own enhanced code in its text. */
export function replyError(code: ReplyCode): Error & { responseCode: number } {
  const row: ReplyRow = REPLIES[code];
  return Object.assign(new Error(`${row.enhanced} ${row.cause}`), { responseCode: row.smtp });
}

/** Cause and advice of any code of this room. */
export function explain(code: ReplyCode | SilentCode): Explanation {
  const { cause, advice } =
    code in REPLIES ? REPLIES[code as ReplyCode] : SILENT_REFUSALS[code as SilentCode];
  return { code, cause, advice };
}

/** They come with sessions that work, or follow on another refusal that says more. */
const INCIDENTAL: ReadonlySet<string> = new Set<ReplyCode>([
  'intake.mail-first',
  'intake.recipient-first',
  'intake.command-unknown',
  'intake.command-timeout',
  'intake.session-timeout',
]);

/** Whether a code of the event table says why a device can't send. */
export function isTelling(code: string): code is ReplyCode | SilentCode {
  return (code in REPLIES || code in SILENT_REFUSALS) && !INCIDENTAL.has(code);
}

/** Texts of smtp-server's own refusals (its smtp-connection.js), in the order they are looked for. */
const LIBRARY_TEXTS: readonly [RegExp, ReplyCode][] = [
  [/send HELO\/EHLO first/, 'intake.greeting-first'],
  [/nested MAIL/, 'intake.mail-nested'],
  [/need MAIL/, 'intake.mail-first'],
  [/need RCPT/, 'intake.recipient-first'],
  [/Bad sender address/, 'intake.sender-syntax'],
  [/Bad recipient address/, 'intake.recipient-syntax'],
  [/command not recognized/, 'intake.command-unknown'],
];

/** The row of the table that says what smtp-server meant, or null where its own words are best. */
export function codeOfLibraryReply(reply: string): ReplyCode | null {
  return LIBRARY_TEXTS.find(([pattern]) => pattern.test(reply))?.[1] ?? null;
}
