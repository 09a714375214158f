/** What the box may change in a message on its way in; the names stand in the message's history. */

export const REPAIRS = {
  'line-ends': 'Line ends that were a bare LF, a bare CR or CR CR LF became CRLF (RFC 5321 2.3.8).',
  nul: 'NUL characters were taken out (RFC 5322 4.1).',
  'blank-line': 'The blank line between header and body was missing.',
  'empty-fields': 'Fields that must not be empty were taken out (RFC 5322 3.6).',
  date: 'Date was missing: the time of arrival.',
  'date-unset-clock': 'Date was missing and the clock of the box was not set: the best guess it had.',
  from: 'From was missing: the sender of the envelope, or postmaster of the box where that is empty.',
  to: 'To and Cc were missing: undisclosed-recipients, so that nobody sees who else got it.',
  'message-id': 'Message-ID was missing: one of the box.',
  'mime-version': 'MIME-Version was missing beside Content fields (RFC 2045 4).',
  'header-utf-8': 'Eight-bit characters in the header, read as UTF-8, were encoded (RFC 2047, RFC 2231).',
  'header-windows-1252':
    'Eight-bit characters in the header that are no UTF-8, read as Windows-1252 by assumption, were encoded.',
  'header-folded': 'Header lines over 998 characters were folded (RFC 5322 2.1.1).',
  'body-lines': 'Body lines over 998 characters were broken (RFC 5321 4.5.3.1.6).',
  'last-line': 'The last line had no end.',
  'sender-completed': 'The sender of the envelope had no usable domain and was completed.',
  'address-quoted': 'A dot at the end of a local part in the envelope was put in quotes.',
  'address-dot':
    'A dot behind the domain of an address in the envelope was taken away; addresses in the header keep theirs.',
} as const satisfies Record<string, string>;

/** What an id of the history means; the id itself where a later version wrote it. */
export function repairText(id: string): string {
  return new Map<string, string>(Object.entries(REPAIRS)).get(id) ?? id;
}

export type Repair = keyof typeof REPAIRS;
