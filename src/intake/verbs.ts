/** The first word of a command line, and which of them the log may name. */

const VERBS: ReadonlySet<string> = new Set([
  ...['EHLO', 'HELO', 'LHLO', 'MAIL', 'RCPT', 'DATA', 'BDAT', 'RSET', 'NOOP', 'QUIT', 'VRFY', 'EXPN', 'HELP'],
  ...['AUTH', 'STARTTLS', 'ETRN', 'TURN', 'SEND', 'SOML', 'SAML', 'XCLIENT', 'XFORWARD'],
]);

/**
 * The verb of a command, upper case, if SMTP knows it; null for any other word. That may be a secret: a device that
 * overlooks the refusal of its AUTH goes on with its login, which then comes where a command is expected.
 */
export function shownVerb(verb: string): string | null {
  return VERBS.has(verb) ? verb : null;
}

/** What stands before the first space; `text` begins with none. */
export function firstWord(text: string): string {
  const end = text.search(/\s/);
  return end < 0 ? text : text.slice(0, end);
}
