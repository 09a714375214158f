/** What a person reads in a notice. Pure; lines parted by LF. */
import type { EventData } from '../core/events.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageHead } from '../core/message.ts';
import { localTime } from './times.ts';
import type { NoticeConfig, RoutePause } from './types.ts';
import type { Undelivered } from './undelivered.ts';

/** A subject and what stands below it. */
export interface NoticeText {
  subject: string;
  text: string;
}

/** Addresses that a subject names; more are counted. */
const SUBJECT_ADDRESSES_MAX = 2;

/** The name of a device for people. */
export function deviceName({ device }: Pick<MessageHead, 'device'>, config: NoticeConfig): string {
  if (device.id === null) return `unknown device at ${device.address}`;
  const name = config.devices.get(device.id)?.name ?? null;
  return name === null ? device.id : `${name} (${device.id})`;
}

/** Recipients failed or are held: for whoever runs the box. */
export function failureText(
  head: MessageHead,
  recipients: readonly Undelivered[],
  { config, hasBody }: { config: NoticeConfig; hasBody: boolean },
): NoticeText {
  return {
    subject: `Scan not delivered: ${deviceName(head, config)} to ${addressesOf(recipients)}`,
    text: [
      'A scan could not be delivered.',
      '',
      ...factsOf(head, config),
      ...causesOf(recipients),
      '',
      ...(hasBody ? releaseLines(head, recipients, config) : GONE),
      ...signature(config, CONFIDENTIAL),
    ].join('\n'),
  };
}

/** The same for the person whose scan it was: without commands of a box that they can't reach. */
export function senderText(
  head: MessageHead,
  recipients: readonly Undelivered[],
  { config, hasBody }: { config: NoticeConfig; hasBody: boolean },
): NoticeText {
  return {
    subject: `Your scan was not delivered to ${addressesOf(recipients)}`,
    text: [
      'A scan that was sent under your address could not be delivered.',
      '',
      ...factsOf(head, config),
      ...causesOf(recipients),
      '',
      ...(hasBody
        ? ['The scan is kept. Your IT department has been told and can still send it;', 'or scan it again.']
        : ['The scan is not kept. Please scan it again.']),
      ...signature(config, CONFIDENTIAL),
    ].join('\n'),
  };
}

/** Messages wait for long, `head` the longest. */
export function delayText(
  head: MessageHead,
  recipients: readonly Undelivered[],
  facts: { config: NoticeConfig; waiting: number; until: number; pauses: readonly RoutePause[] },
): NoticeText {
  const { config, waiting, until, pauses } = facts;
  const others = waiting > 1 ? ` ${waiting} recipients are waiting in all.` : '';
  return {
    subject: `Scans are waiting since ${localTime(head.receivedAt)}`,
    text: [
      `A scan has been waiting for delivery since ${localTime(head.receivedAt)}.${others}`,
      'The box goes on trying; nothing is lost.',
      '',
      ...factsOf(head, config),
      ...causesOf(recipients.filter(({ cause }) => cause !== '')),
      ...pauses.flatMap(({ cause, advice }) => ['', `Why it waits:   ${cause}`, `What to do:     ${advice}`]),
      '',
      `What is not delivered by ${localTime(until)} counts as failed, and is then kept for release.`,
      '`scanferry doctor` looks for the cause, `scanferry queue list` shows what waits.',
      ...signature(config, CONFIDENTIAL),
    ].join('\n'),
  };
}

/** A device that nobody registered has sent its first scan of the day. */
export function deviceText(head: MessageHead, config: NoticeConfig): NoticeText {
  const { address } = head.device;
  return {
    subject: `Unknown device ${address} sends scans`,
    text: [
      `A device that is not in the list of devices has sent a scan from ${address}.`,
      'Its scans are held until somebody says that they may go.',
      '',
      ...factsOf(head, config),
      '',
      'If it is yours, add it to `devices` in the config, then let its scans go:',
      `  scanferry queue release --device ${address}`,
      'If it is not, erase them:',
      `  scanferry queue cancel --device ${address}`,
      '',
      'Further scans of this device are not told of for 24 hours.',
      ...signature(config, CONFIDENTIAL),
    ].join('\n'),
  };
}

/** A route waits for a person. */
export function routeText(pause: RoutePause, config: NoticeConfig): NoticeText {
  const { route } = pause;
  return {
    subject: `Route ${route} needs attention: ${pause.cause}`,
    text: [
      `The route ${route} has been paused since ${localTime(pause.since)}, and waiting alone won't heal it.`,
      '',
      `What happened:  ${pause.cause}`,
      `What to do:     ${pause.advice}`,
      `Code:           ${pause.code}`,
      '',
      'Scans for this route are kept and go by themselves once it is in order.',
      `  scanferry doctor                  looks for the cause`,
      `  scanferry routes resume ${route}  tries it at once`,
      ...signature(config),
    ].join('\n'),
  };
}

/** The database was damaged and mended. */
export function salvageText(data: EventData['spool.salvaged'], config: NoticeConfig): NoticeText {
  return {
    subject:
      data.lost === 0 ? 'Spool mended after damage, nothing lost' : `Spool damaged: ${data.lost} scans lost`,
    text: [
      'The file in which this box keeps its scans was damaged. What could be read was carried to a new one.',
      '',
      `Messages carried over:  ${data.messages}`,
      `Messages lost in part:  ${data.lost}`,
      `The damaged file:       ${data.damagedFile}`,
      '',
      'What was lost is in `scanferry queue list --state failed`: scan it again.',
      'Check the disk or SD card, and replace it if this happens again.',
      ...signature(config),
    ].join('\n'),
  };
}

/** What the hourly limit kept back: a line each, and how many more. */
export function digestText(
  lines: readonly string[],
  { more, config, hourlyMax }: { more: number; config: NoticeConfig; hourlyMax: number },
): NoticeText {
  const count = lines.length + more;
  return {
    subject: `${count} more scans or events need attention`,
    text: [
      `These came on top of the ${hourlyMax} notices an hour that are sent one by one (notices.hourlyMax).`,
      '',
      ...lines.flatMap((line) => [line, '']),
      ...(more > 0 ? [`and ${more} more.`, ''] : []),
      'The scans are kept:',
      '  scanferry queue list --state failed held   shows them with their causes',
      '  scanferry queue retry ID                   sends a failed one again',
      '  scanferry queue release ID                 lets a held one go',
      ...signature(config, CONFIDENTIAL),
    ].join('\n'),
  };
}

const CONFIDENTIAL = ['Subject and pages of the scan are left out of this notice on purpose.'];
const GONE = ['The scan is not kept any more: scan it again if it is still needed.'];

function factsOf(head: MessageHead, config: NoticeConfig): string[] {
  const { id, receivedAt, sender, bodyBytes, device } = head;
  return [
    `Device:         ${deviceName(head, config)}${device.id === null ? '' : `, ${device.address}`}`,
    `Received:       ${localTime(receivedAt)}`,
    `Sender:         ${sender === '' ? '<>' : sender}`,
    `Size:           ${sizeOf(bodyBytes)}`,
    `Message id:     ${id}`,
  ];
}

function sizeOf(bytes: number): string {
  const mib = bytes / 1024 ** 2;
  return mib < 1 ? `${Math.ceil(bytes / 1024)} KB` : `${mib.toFixed(1)} MB`;
}

/** Recipients with the same trouble stand together. */
function causesOf(recipients: readonly Undelivered[]): string[] {
  const groups = [
    ...Map.groupBy(recipients, ({ cause, advice, reply }) => JSON.stringify([cause, advice, reply])).values(),
  ];
  const more = groups.slice(LIMITS.noticeCausesMax).flat().length;
  return [
    ...groups.slice(0, LIMITS.noticeCausesMax).flatMap(causeOf),
    ...(more > 0 ? ['', `and ${more} more recipients.`] : []),
  ];
}

function causeOf(group: readonly Undelivered[]): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const { cause, advice, reply, host, lastAttemptAt } = first;
  const when = lastAttemptAt === null ? '' : ` at ${localTime(lastAttemptAt)}`;
  return [
    '',
    ...group.map(({ address }) => `Recipient:      ${address}`),
    `What happened:  ${cause}`,
    ...(advice === null ? [] : [`What to do:     ${advice}`]),
    ...(reply === null
      ? []
      : [`${host ?? 'The other side'} said${when}:`, ...reply.split(/\r?\n/).map((line) => `  ${line}`)]),
  ];
}

function releaseLines(
  { id }: MessageHead,
  recipients: readonly Undelivered[],
  { failedKeepDays }: NoticeConfig,
): string[] {
  const has = (state: string) => recipients.some((one) => one.state === state);
  return [
    `The scan is kept in the box for ${failedKeepDays} days. Once the cause is removed, send it with`,
    ...(has('failed') ? [`  scanferry queue retry ${id}`] : []),
    ...(has('held') ? [`  scanferry queue release ${id}`] : []),
    'or, if nobody needs it any more, erase it with',
    `  scanferry queue cancel ${id}`,
  ];
}

function addressesOf(recipients: readonly Undelivered[]): string {
  const named = recipients.slice(0, SUBJECT_ADDRESSES_MAX).map(({ address }) => address);
  const more = recipients.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function signature(config: NoticeConfig, before: readonly string[] = []): string[] {
  return ['', ...before, `Scanferry at ${config.siteName}, ${config.hostname}.`, ''];
}
