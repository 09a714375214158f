/** The habits of real devices, by name: what each is, how the box meets it, and where that is known from. */

export interface Quirk {
  /** Number in the list of evidence; null for a habit that is common knowledge. */
  number: number | null;
  /**
   * `trusted`: tolerated in trusted networks and from devices whose profile names it, refused elsewhere.
   * `always`: how the box behaves towards everybody.
   */
  scope: 'trusted' | 'always';
  /** What the device does, and what the box makes of it. */
  tolerated: string;
  /** The part that does it. */
  where: string;
  source: string;
}

export const QUIRKS = {
  'tls-hello-first': {
    ...{ number: 1, scope: 'always', where: 'src/intake/first-bytes.ts' },
    tolerated: 'Starts TLS at once on whatever port; an auto listener tells it by the first bytes.',
    source: 'HP MFP 477dw, postalserver/postal issues 2005 and 2404',
  },
  'ssl2-hello': {
    ...{ number: 2, scope: 'always', where: 'src/intake/first-bytes.ts' },
    tolerated: 'Opens TLS with a hello in the format of SSL 2.0; it is answered with TLS 1.0 or newer.',
    source: 'a network scanner, proftpd/proftpd issue 834',
  },
  'greeting-empty': {
    ...{ number: 3, scope: 'trusted', where: 'src/intake/quirks/greeting.ts' },
    tolerated: 'HELO or EHLO without a name; its address literal stands in.',
    source: 'a UPS, OpenSMTPD/OpenSMTPD issue 1054',
  },
  'helo-only': {
    ...{ number: 4, scope: 'always', where: 'src/intake/policy.ts' },
    tolerated: 'Says HELO and never sees AUTH or STARTTLS; its address decides what it may do.',
    source: 'HP, postalserver/postal issue 2005; printers, simonrob/email-oauth2-proxy issue 232',
  },
  'greeting-odd': {
    ...{ number: 5, scope: 'trusted', where: 'src/intake/quirks/greeting.ts' },
    tolerated: 'A greeting with spaces, without a dot, or with an address literal; any text will do.',
    source:
      'NPIF65E56, XC-B8C463 and literals: mailcow docs issue 455, smtp-oauth-relay issue 57, postal 2005',
  },
  'path-bare': {
    ...{ number: 6, scope: 'trusted', where: 'src/intake/quirks/path.ts' },
    tolerated: 'MAIL and RCPT without angle brackets; they are put around the address.',
    source: 'LSI MegaRAID, cosullivan/SmtpServer issue 219; SMTP2Graph/SMTP2Graph issue 24',
  },
  'local-part-dot': {
    ...{ number: 7, scope: 'trusted', where: 'src/intake/quirks/address.ts' },
    tolerated:
      'A dot at the start or end of the local part; it is quoted, which makes it legal (RFC 5321 4.1.2).',
    source: 'HPE iLO, nodemailer/smtp-server issue 259',
  },
  'path-spaces': {
    ...{ number: 8, scope: 'trusted', where: 'src/intake/quirks/path.ts' },
    tolerated:
      'Spaces around the colon, between the words, or inside the angle brackets; they are taken out.',
    source: 'mjl-/mox issue 101',
  },
  'login-prompts': {
    ...{ number: 9, scope: 'always', where: 'smtp-server' },
    tolerated: 'Leaves unless the prompts of AUTH LOGIN are exactly Username: and Password:.',
    source: 'Xerox, JustinIven/smtp-oauth-relay issue 57; aio-libs/aiosmtpd issue 566',
  },
  'strongest-mechanism': {
    ...{ number: 10, scope: 'always', where: 'src/intake/sign-in.ts' },
    tolerated: 'Takes the strongest mechanism that is offered; only what the box can verify is offered.',
    source: 'Canon Color Send Kit manual; lgandx/Responder issue 344',
  },
  'cram-md5': {
    ...{ number: 11, scope: 'always', where: 'src/intake/sign-in.ts' },
    tolerated: 'Signs in by CRAM-MD5 when it sees it.',
    source: 'Ricoh, postalserver/postal issue 663',
  },
  'no-sign-in': {
    ...{ number: 12, scope: 'always', where: 'src/intake/policy.ts' },
    tolerated: 'Falls back to plain text and no sign-in without a word; a trusted network needs neither.',
    source: 'Canon Send Kit manuals; EnerSys Alpha FXM HP manual, page 70',
  },
  'quit-early': {
    ...{ number: 13, scope: 'always', where: 'src/intake/session.ts' },
    tolerated:
      'QUIT right after signing in, connect and QUIT, connect and drop: a test by the device, no failure.',
    source: 'Ricoh, postalserver/postal issue 663; HP, issue 1245',
  },
  'fields-missing': {
    ...{ number: 14, scope: 'always', where: 'src/intake/repair/header-repair.ts' },
    tolerated: 'Leaves out Date, Message-ID, From, To or MIME-Version; they are added.',
    source: 'HP MFP, docker-mailserver/docker-mailserver issue 1853 (Date)',
  },
  'sender-incomplete': {
    ...{ number: 15, scope: 'trusted', where: 'src/intake/quirks/address.ts' },
    tolerated: 'A sender without a usable domain, or at a bare IP address; the box completes it.',
    source: 'HP, mailcow docs issue 455; Fujitsu fi-6010N, manualslib.com/manual/596509 page 528',
  },
  'recipient-literal': {
    ...{ number: 16, scope: 'always', where: 'smtp-server' },
    tolerated: 'Recipients such as user@[192.0.2.1]; the routes decide whether any of them can carry it.',
    source: 'APC AP4433 manual, page 116',
  },
  'split-scan': {
    ...{ number: 17, scope: 'always', where: 'src/intake/receive.ts' },
    tolerated:
      'One scan as many messages goes on as it is; message/partial parts are joined where the profile says `join`.',
    source: 'Xerox WorkCentre 7755 manual, page 36; Fuji Xerox DocuCentre-VI C3371 manual, page 853',
  },
  'short-patience': {
    ...{ number: 18, scope: 'always', where: 'src/intake/receive.ts' },
    tolerated: 'Waits 20 to 120 seconds for a reply; the reply comes right after the durable commit.',
    source: 'APC AP9606 manual, page 58; Dell 2335dn manual, page 35',
  },
  'data-stalled': {
    ...{ number: 19, scope: 'always', where: 'src/intake/unfinished.ts' },
    tolerated:
      'Goes silent before the final dot and believes the scan is sent; what came is held for a person.',
    source: 'Kyocera and Toshiba, postalserver/postal issue 2732',
  },
  'short-passwords': {
    ...{ number: 20, scope: 'always', where: 'limits of the profile' },
    tolerated: 'Holds passwords of 20 characters, or fewer; any login of the box may be that short.',
    source: 'Epson EM-C800 guide; Xerox WC6015 guide; ASRock EN2C602-4L manual, page 40',
  },
  'numeric-server': {
    ...{ number: 21, scope: 'always', where: 'src/intake/authority.ts' },
    tolerated: 'Knows the box by a numeric address only; its certificate names the addresses too.',
    source: 'ASRock EN2C602-4L manual, page 40',
  },
  'root-needed': {
    ...{ number: 22, scope: 'always', where: 'src/intake/authority.ts' },
    tolerated: 'Refuses a certificate it can’t verify; the root of the box can be installed there.',
    source: 'APC AP4433 manual, page 117',
  },
  'client-certificate': {
    ...{ number: 23, scope: 'always', where: 'src/intake/tls.ts' },
    tolerated: 'Shows a certificate of its own when it is asked for one; it is not asked.',
    source: 'Konica Minolta bizhub C3321i manual, UT_08_03',
  },
  'rsa-key-exchange': {
    ...{ number: 24, scope: 'always', where: 'src/intake/tls.ts' },
    tolerated: 'Speaks TLS 1.2 with RSA key exchange only; the box keeps an RSA key and those suites.',
    source: 'Ricoh MP C307 and others, kmeys.com/shuma/202502/141175.html',
  },
  'pop-before-smtp': {
    ...{ number: 25, scope: 'always', where: 'src/intake/policy.ts' },
    tolerated: 'Knows POP before SMTP only; without it, its trusted address is enough.',
    source: 'setup guides of Canon, Xerox, Fuji Xerox, Epson, Brother and Dell',
  },
  'receives-mail': {
    ...{ number: 26, scope: 'always', where: 'src/routes' },
    tolerated: 'Has an SMTP server of its own to receive fax by mail; the box never connects to a device.',
    source: 'Ricoh MP 6055 guide',
  },
  'password-characters': {
    ...{ number: 27, scope: 'always', where: 'limits of the profile' },
    tolerated: 'Spoils characters such as ~ and " in passwords; choose letters and digits.',
    source: 'itkitchen.info, 2023-06-04',
  },
  bursts: {
    ...{ number: 28, scope: 'always', where: 'src/intake/intake.ts' },
    tolerated: 'Sends one message after another over short connections, all at once after an outage.',
    source: 'Technaxx 4607 manual, page 73; Uniview NVR302 manual, page 73',
  },
  'bare-line-ends': {
    ...{ number: 29, scope: 'always', where: 'src/intake/repair/line-ends.ts' },
    tolerated: 'Ends lines with a bare LF or CR; they become CRLF, and none of them ends a message.',
    source: '2600hz/kazoo pull request 6539 (no device of this kind is known)',
  },
  'second-mail': {
    ...{ number: null, scope: 'always', where: 'smtp-server' },
    tolerated: 'MAIL inside a transaction: 503, and the transaction goes on (RFC 5321 4.1.4).',
    source: 'RFC 5321 section 4.1.4',
  },
  'domain-dot': {
    ...{ number: null, scope: 'trusted', where: 'src/intake/quirks/address.ts' },
    tolerated:
      'A dot behind the domain of an address in MAIL or RCPT, as DNS writes the root; it is taken away.',
    source: 'rspamd/rspamd issue 1543; Postfix takes it away too (trivial-rewrite/rewrite.c)',
  },
  'line-end-doubled': {
    ...{ number: null, scope: 'trusted', where: 'src/intake/quirks/command.ts' },
    tolerated: 'Ends a command with more than one CR before the LF; those too many are dropped.',
    source: 'software that writes CRLF to a stream in text mode, which puts another CR before the LF',
  },
  'early-commands': {
    ...{ number: null, scope: 'always', where: 'src/intake/wire.ts' },
    tolerated: 'Sends commands before the banner or without waiting for replies; they are served in order.',
    source: 'RFC 2920; RFC 5321 section 4.3.1',
  },
  'login-inline': {
    ...{ number: null, scope: 'always', where: 'smtp-server' },
    tolerated: 'AUTH LOGIN with the user name in the same line.',
    source: 'draft-murchison-sasl-login',
  },
  'idle-commands': {
    ...{ number: null, scope: 'always', where: 'smtp-server' },
    tolerated: 'RSET, NOOP, VRFY and HELP at any time.',
    source: 'RFC 5321 section 4.1.4',
  },
} as const satisfies Record<string, Quirk>;

export type QuirkId = keyof typeof QUIRKS;

/** Every name, in the order of the table. */
// Object.keys forgets that a constant's keys are known.
export const QUIRK_IDS = Object.keys(QUIRKS) as [QuirkId, ...QuirkId[]];

/** Those that trust, or a profile, turns on. */
export const SWITCHED_QUIRKS: ReadonlySet<QuirkId> = new Set(
  QUIRK_IDS.filter((id) => QUIRKS[id].scope === 'trusted'),
);
