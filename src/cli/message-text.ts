/** One message as text: where it came from, what became of each recipient, every attempt with its verbatim reply. */
import type { CommandOutput } from '../control/commands.ts';
import { wrapText } from '../core/break-lines.ts';
import { repairText } from '../core/repairs.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { formatBytes, formatTable, formatTime } from './output.ts';

export type MessageDetail = CommandOutput<'history.list'>[number];
type Attempt = MessageDetail['attempts'][number];
type Recipient = MessageDetail['recipients'][number];

/** Who sent a message: a device by its id or address, or the box itself. */
export function sourceOf({ device, origin }: MessageDetail['head']): string {
  return origin === 'notice' ? 'this box (notice)' : (device.id ?? device.address);
}

/** Everything that is known of a message. */
export function formatDetail(detail: CommandOutput<'queue.show'>): string {
  const { head, recipients, attempts, hasBody } = detail;
  const repairs = repairsOf(detail);
  return [
    `message    ${head.id}`,
    ...originLines(head),
    `sender     ${head.sender === '' ? '<>' : head.sender}`,
    `Message-ID ${head.messageIdHeader}`,
    `size       ${formatBytes(head.bodyBytes)}${hasBody ? '' : ', body erased'}`,
    ...repairs.map((id, index) => hung(index === 0 ? 'repaired   ' : ' '.repeat(11), repairText(id))),
    '',
    formatTable(
      ['RECIPIENT', 'STATE', 'TRIES'],
      recipients.map((recipient) => [recipient.address, recipient.state, String(recipient.tries)]),
      recipients.map(stateNote),
    ),
    ...attempts.flatMap((attempt) => ['', ...formatAttempt(attempt)]),
  ].join('\n');
}

function originLines(head: MessageDetail['head']): string[] {
  const at = formatTime(head.receivedAt);
  if (head.origin === 'notice') return [`written    ${at} by this box, as a notice`];
  const device = head.device.id ?? 'an unknown device';
  return [
    `received   ${at} from ${device} at ${head.device.address}`,
    `over       ${formatTls(head.device.tls, 'plain text')}, to ${head.device.listener}`,
  ];
}

/** A settled message in a few lines: whence, when, and each reply. */
export function formatHistory(detail: MessageDetail): string {
  const { head, recipients, attempts } = detail;
  const repairs = repairsOf(detail);
  const leg = head.device.tls === null ? 'plain text' : tlsVersionInWords(head.device.tls.protocol);
  const source = head.origin === 'notice' ? sourceOf(head) : `${sourceOf(head)} (${leg})`;
  return [
    `${head.id}  ${formatTime(head.receivedAt)}  ${source}, ${formatBytes(head.bodyBytes)}, from ${head.sender === '' ? '<>' : head.sender}`,
    ...(repairs.length === 0 ? [] : [hung('  repaired   ', repairs.join(', '))]),
    ...recipients.map(({ address, state }) => `  ${state.padEnd(9)}  ${address}`),
    ...attempts
      .flatMap((attempt) => formatAttempt(attempt).join('\n').split('\n'))
      .map((line) => `  ${line}`),
    // What failed or was cancelled without an attempt has its reason only here.
    ...(attempts.length > 0 ? [] : recipients.map(stateNote).filter((note) => note !== '')).map((note) =>
      wrapText(note, 4),
    ),
  ].join('\n');
}

/** What stands in the way of a recipient, what to do about it, and when it goes on. */
export function stateNote(
  recipient: Recipient & { expectedAt?: number | null; advice?: string | null },
): string {
  const { state, cause, nextAttemptAt, expectedAt = null, advice = null } = recipient;
  const isWaiting = state === 'queued' || state === 'deferred';
  const notBefore =
    state === 'deferred' && nextAttemptAt !== null ? `next try ${formatTime(nextAttemptAt)}` : '';
  const goes = isWaiting && expectedAt !== null ? `goes at about ${formatTime(expectedAt)}` : notBefore;
  const why = [cause, advice].filter((part) => part !== null).join(' ');
  return [goes, why].filter((part) => part !== '').join('; ');
}

/** A sentence whose further lines stand below its first. */
function hung(label: string, text: string): string {
  return label + wrapText(text, label.length).trimStart();
}

function repairsOf({ events }: MessageDetail): readonly string[] {
  return events.flatMap((event) => (event.type === 'message.accepted' ? (event.data.repairs ?? []) : []));
}

function formatAttempt(attempt: Attempt): string[] {
  const leg = formatTls(attempt.tls, 'no TLS reached');
  return [
    `${formatTime(attempt.startedAt)} by ${attempt.routeId} to ${attempt.host ?? 'nowhere'}`,
    `  ${leg}, ${attempt.endedAt - attempt.startedAt} ms`,
    ...attempt.results.flatMap(formatResult),
  ];
}

function formatResult(result: Attempt['results'][number]): string[] {
  const uncertain = result.uncertain ? ' (uncertain: it may have arrived)' : '';
  const cause = result.cause === null ? [] : [wrapText(result.cause, 4)];
  const reply = result.reply === null ? [] : [`    ${result.reply.replaceAll('\n', '\n    ')}`];
  return [`  ${result.address}: ${result.state}${uncertain}`, ...cause, ...reply];
}

function formatTls(tls: { protocol: string; cipher: string } | null, none: string): string {
  return tls === null ? none : `${tlsVersionInWords(tls.protocol)} (${tls.cipher})`;
}
