/** One message as text: where it came from, what became of each recipient, every attempt with its verbatim reply. */
import type { CommandOutput } from '../control/commands.ts';
import { TEXT_COLUMNS, wrapText } from '../core/break-lines.ts';
import { repairText } from '../core/repairs.ts';
import { tlsVersionInWords } from '../core/tls-version.ts';
import { formatBytes, formatTable, formatTime } from './output.ts';

export type MessageDetail = CommandOutput<'history.list'>[number];
type Attempt = MessageDetail['attempts'][number];
type Result = Attempt['results'][number];
type Recipient = MessageDetail['recipients'][number];

/** Who sent a message: a device by its id or address, or the box itself. */
export function sourceOf({ device, origin }: MessageDetail['head']): string {
  return origin === 'notice' ? 'this box (notice)' : (device.id ?? device.address);
}

/** Everything that is known of a message, in a terminal of so many columns; null where there is none. */
export function formatDetail(detail: CommandOutput<'queue.show'>, width: number | null): string {
  const { head, recipients, attempts, hasBody } = detail;
  const repairs = repairsOf(detail);
  return [
    `message    ${head.id}`,
    ...originLines(head),
    `sender     ${head.sender === '' ? '<>' : head.sender}`,
    `Message-ID ${head.messageIdHeader}`,
    `size       ${formatBytes(head.bodyBytes)}${hasBody ? '' : ', body erased'}`,
    ...repairs.map((id, index) => hung(index === 0 ? 'repaired   ' : ' '.repeat(11), repairText(id), width)),
    '',
    formatTable(
      ['RECIPIENT', 'STATE', 'TRIES'],
      recipients.map((recipient) => [recipient.address, recipient.state, String(recipient.tries)]),
      recipients.map(stateNote),
      width,
    ),
    ...attempts.flatMap((attempt) => ['', ...formatAttempt(attempt, new Map(), width ?? TEXT_COLUMNS)]),
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

/** A settled message in a few lines: whence, when, each reply, and what to do where a recipient is not done. */
export function formatHistory(detail: MessageDetail, width: number | null): string {
  const { recipients, attempts } = detail;
  const repairs = repairsOf(detail);
  const told = adviceByResult(detail);
  return [
    ...historyHead(detail, width),
    ...(repairs.length === 0 ? [] : [hung('  repaired   ', repairs.join(', '), width)]),
    ...recipients.flatMap((recipient) => historyRecipient(recipient, detail, width)),
    ...attempts
      .flatMap((attempt) => formatAttempt(attempt, told, (width ?? TEXT_COLUMNS) - 2))
      .flatMap((text) => text.split('\n'))
      .map((line) => `  ${line}`),
  ].join('\n');
}

function historyHead({ head }: MessageDetail, width: number | null): string[] {
  const leg = head.device.tls === null ? 'plain text' : tlsVersionInWords(head.device.tls.protocol);
  const source = head.origin === 'notice' ? sourceOf(head) : `${sourceOf(head)} (${leg})`;
  const when = `${head.id}  ${formatTime(head.receivedAt)}`;
  const whence = `${source}, ${formatBytes(head.bodyBytes)}, from ${head.sender === '' ? '<>' : head.sender}`;
  const line = `${when}  ${whence}`;
  return width === null || line.length <= width ? [line] : [when, wrapText(whence, 2, width)];
}

/** What became of a recipient; the reason stands here where its latest attempt does not tell it. */
function historyRecipient(recipient: Recipient, { attempts }: MessageDetail, width: number | null): string[] {
  const { address, state, cause } = recipient;
  const isTold =
    attempts.length > 0 && (state === 'delivered' || latestResult(attempts, address)?.cause === cause);
  const note = isTold ? '' : stateNote(recipient);
  return [
    `  ${state.padEnd(9)}  ${address}`,
    ...(note === '' ? [] : [wrapText(note, 4, width ?? TEXT_COLUMNS)]),
  ];
}

/** What to do, by the result that tells the trouble a recipient still has. */
function adviceByResult({ recipients, attempts }: MessageDetail): ReadonlyMap<Result, string> {
  return new Map(
    recipients.flatMap(({ address, cause, advice }): [Result, string][] => {
      const result = latestResult(attempts, address);
      return advice === null || result === undefined || result.cause !== cause ? [] : [[result, advice]];
    }),
  );
}

function latestResult(attempts: readonly Attempt[], address: string): Result | undefined {
  return attempts.flatMap(({ results }) => results).findLast((result) => result.address === address);
}

/** What stands in the way of a recipient, what to do about it, and when it goes on. */
export function stateNote(
  recipient: Omit<Recipient, 'advice'> & { expectedAt?: number | null; advice?: string | null },
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
function hung(label: string, text: string, width: number | null): string {
  return label + wrapText(text, label.length, width ?? TEXT_COLUMNS).trimStart();
}

function repairsOf({ events }: MessageDetail): readonly string[] {
  return events.flatMap((event) => (event.type === 'message.accepted' ? (event.data.repairs ?? []) : []));
}

function formatAttempt(attempt: Attempt, advice: ReadonlyMap<Result, string>, width: number): string[] {
  const leg = formatTls(attempt.tls, 'no TLS reached');
  return [
    `${formatTime(attempt.startedAt)} by ${attempt.routeId} to ${attempt.host ?? 'nowhere'}`,
    `  ${leg}, ${attempt.endedAt - attempt.startedAt} ms`,
    ...attempt.results.flatMap((result) => formatResult(result, advice.get(result), width)),
  ];
}

function formatResult(result: Result, advice: string | undefined, width: number): string[] {
  const uncertain = result.uncertain ? ' (uncertain: it may have arrived)' : '';
  const why = [result.cause, advice].filter((part) => part !== null && part !== undefined).join(' ');
  const reply = result.reply === null ? [] : [`    ${result.reply.replaceAll('\n', '\n    ')}`];
  return [
    `  ${result.address}: ${result.state}${uncertain}`,
    ...(why === '' ? [] : [wrapText(why, 4, width)]),
    ...reply,
  ];
}

function formatTls(tls: { protocol: string; cipher: string } | null, none: string): string {
  return tls === null ? none : `${tlsVersionInWords(tls.protocol)} (${tls.cipher})`;
}
