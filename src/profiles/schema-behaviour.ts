/** The part of a profile that says how a device sends: TLS, SMTP, and the limits of its fields. */
import * as z from 'zod';
import type { OutputOf } from '../core/settings.ts';
import { QUIRK_IDS } from './quirks.ts';

const floor = () => z.enum(['legacy', 'modern']).describe('modern refuses TLS below 1.2 from this device.');
const mode = () =>
  z
    .enum(['plain', 'starttls', 'implicit'])
    .describe('How the device starts TLS; implicit makes the banner of an auto port wait for it.');
const seconds = () => z.number().positive().max(86_400);

const firmwareRange = () =>
  z.strictObject({
    from: z.string().min(1).optional().describe('First version of the range.'),
    before: z.string().min(1).optional().describe('First version after the range.'),
  });

const tlsRange = () =>
  z.strictObject({
    firmware: z
      .union([z.literal('any'), firmwareRange()])
      .describe('Which firmware this is known of; compared as version.compare says.'),
    floor: floor().optional(),
    mode: mode().optional(),
    protocols: z
      .array(z.enum(['none', 'ssl3', 'tls1.0', 'tls1.1', 'tls1.2', 'tls1.3']))
      .min(1)
      .optional()
      .describe('Versions it can speak; none: no TLS for mail at all.'),
    modes: z
      .array(z.enum(['plain', 'starttls', 'implicit']))
      .min(1)
      .optional()
      .describe('What can be set at the device.'),
    implicitOnAnyPort: z
      .boolean()
      .optional()
      .describe('true: where TLS is on, its hello comes first on any port, 25 and 587 too.'),
    kx: z
      .array(z.enum(['rsa', 'dhe', 'ecdhe']))
      .min(1)
      .optional()
      .describe('Key exchange it can do.'),
    ciphersNeeded: z.array(z.string().min(1)).min(1).optional().describe('Cipher suites it insists on.'),
    helloFormat: z.enum(['v2', 'v3']).optional().describe('v2: opens with a hello in the format of SSL 2.0.'),
    clientCertificate: z.boolean().optional().describe('true: shows a certificate of its own when asked.'),
    trustsOnlyInstalledCa: z
      .boolean()
      .optional()
      .describe('true: with its certificate check on, the root of the box has to be installed there.'),
    update: z
      .strictObject({
        to: z.string().min(1).optional().describe('First version that has it, where the source names one.'),
        brings: z.string().min(1).describe('What the update brings, one sentence.'),
      })
      .optional()
      .describe('An update worth making, where a source says so.'),
  });

export const tlsSchema = () =>
  z.strictObject({
    floor: floor().optional(),
    mode: mode().optional(),
    ranges: z
      .array(tlsRange())
      .min(1)
      .max(12)
      .optional()
      .describe('By firmware; the first range that fits adds to floor and mode, or overrides them.'),
  });

const helo = () =>
  z.strictObject({
    verb: z.enum(['HELO', 'EHLO']).optional(),
    fqdn: z.boolean().optional().describe('Whether its name has a domain.'),
    mayBeEmpty: z.boolean().optional(),
    mayHaveSpaces: z.boolean().optional(),
    addressLiteral: z.boolean().optional().describe('true: greets with [its address].'),
    prefix: z.string().min(1).max(40).optional().describe('What its factory-set name begins with.'),
  });

const auth = () =>
  z.strictObject({
    mechanisms: z
      .array(z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5', 'NTLM', 'GSSAPI', 'XOAUTH2']))
      .min(1)
      .optional()
      .describe('What it can do.'),
    order: z
      .array(z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5', 'NTLM', 'GSSAPI', 'XOAUTH2']))
      .min(1)
      .optional()
      .describe('What it takes first, second and so on of those offered.'),
    loginPromptStrict: z.boolean().optional().describe('true: leaves unless the prompts are the usual ones.'),
    sendsWithout: z.boolean().optional().describe('true: sends unauthenticated where nothing offered fits.'),
    popBeforeSmtp: z.boolean().optional().describe('true: knows POP before SMTP.'),
  });

/** What the box offers this device before EHLO is answered. */
const advertise = () =>
  z.strictObject({
    starttls: z.boolean().optional().describe('false hides STARTTLS from this device.'),
    auth: z
      .array(z.enum(['PLAIN', 'LOGIN', 'CRAM-MD5']))
      .optional()
      .describe('Sign-in mechanisms offered to this device; left out, all.'),
    size: z.boolean().optional().describe('false hides SIZE.'),
    pipelining: z.boolean().optional().describe('false hides PIPELINING.'),
    eightBitMime: z.boolean().optional().describe('false hides 8BITMIME.'),
  });

const session = () =>
  z.strictObject({
    probes: z.boolean().optional().describe('true: connects and leaves to see whether the server is there.'),
    waitsMinS: seconds().optional().describe('Shortest time it can be set to wait for a reply, seconds.'),
    waitsMaxS: seconds().optional().describe('Longest time it waits for a reply, seconds.'),
    commandIdleMaxS: seconds().optional().describe('How long the box waits for its next command, seconds.'),
    dataIdleMaxS: seconds().optional().describe('How long the box waits for more of its message, seconds.'),
    stallsInData: z.boolean().optional().describe('true: known to go silent before the final dot.'),
    noQuit: z.boolean().optional().describe('true: closes the connection without QUIT.'),
    oneRecipientEach: z.boolean().optional().describe('true: sends one message for each recipient.'),
    connectionsMax: z.int().min(1).optional().describe('Connections it opens at once.'),
  });

const split = () =>
  z.strictObject({
    kind: z
      .enum(['none', 'pages', 'message-partial'])
      .describe('pages: several messages that each stand alone; message-partial: parts by RFC 2046 5.2.2.'),
    partsMax: z.int().min(2).optional().describe('Most messages one job becomes.'),
    maxKiB: z.int().min(1).optional().describe('Largest size that can be set for one message, KiB.'),
    defaultKiB: z.int().min(1).optional().describe('Size it is set to as it comes, KiB.'),
  });

export const smtpSchema = () =>
  z.strictObject({
    helo: helo().optional(),
    auth: auth().optional(),
    advertise: advertise().optional(),
    join: z
      .boolean()
      .optional()
      .describe(
        'true: the device splits a job into message/partial parts, and the box joins them to one message.',
      ),
    quirks: z
      .array(z.enum(QUIRK_IDS))
      .min(1)
      .optional()
      .describe(
        'Habits of the device, tolerated from it outside trusted networks too (docs/reference/quirks.md).',
      ),
    senderForm: z
      .enum(['normal', 'hostname', 'no-domain', 'ip-literal'])
      .optional()
      .describe('Odd senders it can produce.'),
    session: session().optional(),
    split: split().optional(),
  });

/** What its messages lack; the box adds it on the way in (docs/reference/quirks.md). */
export const repairSchema = () =>
  z.strictObject({
    missingFields: z
      .array(z.enum(['date', 'message-id', 'from', 'to', 'mime-version']))
      .min(1)
      .optional()
      .describe('Header fields its messages are known to lack.'),
  });

export const limitsSchema = () =>
  z.strictObject({
    passwordMax: z.int().min(1).optional().describe('Longest password the device can hold.'),
    passwordCharset: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Characters a password may hold, as the inside of a character class, such as A-Za-z0-9.'),
    userMax: z.int().min(1).optional().describe('Longest user name the device can hold.'),
    serverMax: z.int().min(1).optional().describe('Longest server name the device can hold.'),
    serverNumericOnly: z.boolean().optional().describe('true: the server can be given by its address only.'),
    portFixed: z.int().min(1).max(65_535).optional().describe('The only port it can use.'),
    fromMax: z.int().min(1).optional().describe('Longest sender address the device can hold.'),
    recipientsMax: z.int().min(1).optional().describe('Most recipients of one message or rule.'),
    attachMaxKiB: z.int().min(1).optional().describe('Largest message it can be set to send, KiB.'),
  });

export type TlsRange = OutputOf<typeof tlsRange>;
export type FirmwareRange = OutputOf<typeof firmwareRange>;
