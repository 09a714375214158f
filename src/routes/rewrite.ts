/**
 * What a route changes in a message: Bcc goes on every way out (RFC 5322 section 3.6.3), and where the mailbox may
 * not use the sender, the mailbox takes its place and replies still reach the original.
 */
import addressparser from 'nodemailer/lib/addressparser';
import { domainOf, type MessageHead, type SenderRewrite } from '../core/message.ts';
import { fieldValue, type HeaderField, parseHeader, renderHeader } from './header.ts';

export interface Shaped {
  header: Buffer;
  /** For MAIL FROM. */
  sender: string;
}

export interface SenderRule {
  mailbox: string;
  mode: SenderRewrite;
  /** Addresses and domains the mailbox may send as, besides its own address. */
  sendAs: readonly string[];
}

const HIDDEN_FIELDS = new Set(['bcc', 'resent-bcc']);
/** A hidden field, or a line end that has to be mended. It may find one where there is none, inside a field. */
const MAY_CHANGE = new RegExp(`^(?:${[...HIDDEN_FIELDS].join('|')})[ \\t]*:|(?<!\\r)\\n`, 'im');
/** The single From is the sender now; a Sender field beside it would name a third (RFC 5322 section 3.6.2). */
const REPLACED_FIELDS = new Set(['from', 'sender']);

/**
 * The header as it goes out. A sender that the config gives the device wins over everything; without one the rule of
 * the mailbox decides, in the mode that the config gives the device or else the route; a route without a mailbox
 * leaves the sender alone.
 */
export function shapeAs(block: Buffer, { sender, device }: MessageHead, rule: SenderRule | null): Shaped {
  if (device.from !== undefined) {
    return shapeForMailbox(block, sender, { mailbox: device.from, mode: 'always', sendAs: [] });
  }
  if (rule === null) return shapePlain(block, sender);
  return shapeForMailbox(block, sender, { ...rule, mode: device.rewriteSender ?? rule.mode });
}

/**
 * For routes to the MX. A notice of the box has no sender in its envelope (RFC 3464 section 2); where nothing but that
 * envelope could show who sends, its author takes the place: Microsoft relays a null sender only by the certificate of a
 * connector, and without a sender SPF looks at the name in EHLO alone (RFC 7208 section 2.4).
 */
export function shapeForMx(
  block: Buffer,
  head: MessageHead,
  { hasCertificate }: { hasCertificate: boolean },
): Shaped {
  const shaped = shapeAs(block, head, null);
  if (head.origin !== 'notice' || shaped.sender !== '' || hasCertificate) return shaped;
  const author = visibleFields(block)
    .filter(({ name }) => name === 'from')
    .flatMap(authorsOf)[0];
  return { ...shaped, sender: author?.address ?? '' };
}

/** For routes without a mailbox: only Bcc goes. Nearly every header stays as it is, and then it is not taken apart. */
export function shapePlain(block: Buffer, sender: string): Shaped {
  const text = block.toString('latin1');
  if (text.endsWith('\r\n') && !MAY_CHANGE.test(text)) return { header: block, sender };
  return { header: renderHeader(visibleFields(block)), sender };
}

/** For a route that sends as a mailbox. */
export function shapeForMailbox(block: Buffer, sender: string, rule: SenderRule): Shaped {
  const fields = visibleFields(block);
  const authors = fields.filter(({ name }) => name === 'from').flatMap((field) => authorsOf(field));
  // Exchange checks the envelope too, and lets nobody send without a sender (5.7.60).
  if (sender === '' && rule.mode === 'if-needed' && !needsRewrite(fields, authors, rule.mailbox, rule)) {
    return { header: renderHeader(fields), sender: rule.mailbox };
  }
  if (!needsRewrite(fields, authors, sender, rule)) return { header: renderHeader(fields), sender };
  return { header: renderHeader(rewritten(fields, authors, sender, rule)), sender: rule.mailbox };
}

interface Author {
  /** As it stood, encoded words kept; without quotes. */
  name: string;
  address: string;
}

function visibleFields(block: Buffer): HeaderField[] {
  return parseHeader(block).filter(({ name }) => !HIDDEN_FIELDS.has(name));
}

function authorsOf(field: HeaderField): Author[] {
  return addressparser(fieldValue(field), { flatten: true }).map(({ name, address }) => ({ name, address }));
}

function needsRewrite(
  fields: readonly HeaderField[],
  authors: readonly Author[],
  sender: string,
  rule: SenderRule,
): boolean {
  if (rule.mode !== 'if-needed') return rule.mode === 'always';
  const froms = fields.filter(({ name }) => name === 'from').length;
  // Exchange wants exactly one author it can check against the mailbox's rights.
  if (froms !== 1 || authors.length !== 1) return true;
  return !mayUse(rule, sender) || !mayUse(rule, authors[0]?.address ?? '');
}

function mayUse({ mailbox, sendAs }: SenderRule, address: string): boolean {
  const wanted = address.toLowerCase();
  if (wanted === mailbox.toLowerCase()) return true;
  const domain = domainOf(wanted);
  return domain !== '' && sendAs.some((entry) => [wanted, domain].includes(entry.toLowerCase()));
}

function rewritten(
  fields: readonly HeaderField[],
  authors: readonly Author[],
  sender: string,
  { mailbox }: SenderRule,
): HeaderField[] {
  const original = authors[0] ?? { name: '', address: sender };
  const displayName = original.name || original.address || sender;
  const name = displayName.toLowerCase() === mailbox.toLowerCase() ? '' : displayName;
  const author = field('From', name === '' ? `<${mailbox}>` : `${displayPhrase(name)} <${mailbox}>`);
  const replyTo = replyToField(fields, original.address || sender, mailbox);
  const place = fields.findIndex((candidate) => candidate.name === 'from');
  const rest = fields.filter((candidate) => !REPLACED_FIELDS.has(candidate.name));
  const before = fields.slice(0, Math.max(place, 0)).filter((kept) => !REPLACED_FIELDS.has(kept.name)).length;
  return [...rest.slice(0, before), author, ...replyTo, ...rest.slice(before)];
}

function replyToField(fields: readonly HeaderField[], original: string, mailbox: string): HeaderField[] {
  const hasOwn = fields.some((candidate) => candidate.name === 'reply-to' && fieldValue(candidate) !== '');
  const isUseful = /^[^\s<>@,;:"]+@[^\s<>@,;:"]+$/.test(original);
  if (hasOwn || !isUseful || original.toLowerCase() === mailbox.toLowerCase()) return [];
  return [field('Reply-To', `<${original}>`)];
}

/** Encoded words must stay outside quotes (RFC 2047 section 5); everything but plain atoms goes into quotes. */
function displayPhrase(name: string): string {
  const oneLine = name.replace(/[\r\n\t]+/g, ' ').trim();
  if (/^(?:=\?[^?\s]+\?[bq]\?[^?\s]*\?=\s*)+$/i.test(oneLine)) return oneLine;
  if (/^[\w!#$%&'*+/=?^`{|}~ -]+$/.test(oneLine)) return oneLine;
  return `"${oneLine.replace(/[\\"]/g, '\\$&')}"`;
}

function field(name: string, value: string): HeaderField {
  return { name: name.toLowerCase(), raw: `${name}: ${value}\r\n` };
}
