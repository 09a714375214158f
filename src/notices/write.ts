/** Writes notices into the spool as messages of the box itself, each with the state that follows it in one commit. */

import { assertNever } from '../core/assert.ts';
import { HOUR_MS } from '../core/durations.ts';
import { describeError } from '../core/log.ts';
import { domainOf, type MessageHead } from '../core/message.ts';
import { createMessageId } from '../core/message-id.ts';
import { composeNotice, composeReport, type Envelope } from './compose.ts';
import type { Action } from './delivery-status.ts';
import { returnedHeader } from './original-header.ts';
import type { Matter } from './reading.ts';
import { type NoticeState, withDevice, withNotice } from './state.ts';
import {
  delayText,
  deviceName,
  deviceText,
  digestText,
  failureText,
  type NoticeText,
  routeText,
  salvageText,
  senderText,
} from './texts.ts';
import { localTime } from './times.ts';
import type { NoticeConfig, NoticesDeps } from './types.ts';

/** What a notice is about and to whom it goes. */
export type TellableMatter = Exclude<Matter, { failedNotice: unknown }>;

export interface WriteDeps extends Pick<NoticesDeps, 'clock' | 'log' | 'spool' | 'pauses' | 'canGoNow'> {
  config: NoticeConfig;
  to: readonly string[];
  hourlyMax: number;
}

/** Facts of the spool that hold the state of this room. */
export const FACTS_ROOM = 'notices';
export const STATE_KEY = 'state';

/** Tells of one matter; resolves with the state that is on the disk then. Rejects with SpoolRefusal. */
export async function writeNotice(
  matter: TellableMatter,
  state: NoticeState,
  deps: WriteDeps,
): Promise<NoticeState> {
  const { clock } = deps;
  const before = 'recipients' in matter ? await writeToSender(matter, state, deps) : state;
  const next = learned(matter, withNotice(before, matter.case.seq, clock.now()), clock.now());
  const to = matter.case.kind === 'route' ? deps.to.filter(deps.canGoNow) : deps.to;
  const envelope = envelopeOf(`${matter.case.kind}.${tokenOf(matter)}`, to, deps);
  await commit(await composeMatter(matter, envelope, deps), envelope, next, deps);
  return next;
}

/** Tells of many matters in one notice. */
export async function writeDigest(
  matters: readonly TellableMatter[],
  { more, seq, state }: { more: number; seq: number; state: NoticeState },
  deps: WriteDeps,
): Promise<NoticeState> {
  const now = deps.clock.now();
  const next = matters.reduce((so, matter) => learned(matter, so, now), withNotice(state, seq, now));
  const lines = matters.map((matter) => digestLine(matter, deps.config));
  const text = digestText(lines, { more, config: deps.config, hourlyMax: deps.hourlyMax });
  const envelope = envelopeOf(`digest.${seq}`, deps.to, deps);
  await commit(composeNotice(text, envelope, deps.config), envelope, next, deps);
  return next;
}

/** What the state learns from a matter that has been told. */
function learned(matter: TellableMatter, state: NoticeState, now: number): NoticeState {
  if ('pause' in matter) {
    return { ...state, pauses: { ...state.pauses, [matter.case.route]: matter.pause.since } };
  }
  if (matter.case.kind === 'device') return withDevice(state, matter.case.address, now);
  return matter.case.kind === 'delay' ? { ...state, isDelayTold: true } : state;
}

/** Stays the same when the same trouble is told a second time. */
function tokenOf(matter: TellableMatter): string {
  return 'detail' in matter ? `${matter.detail.head.id}.${matter.case.seq}` : String(matter.case.seq);
}

function envelopeOf(token: string, to: readonly string[], { config, clock }: WriteDeps): Envelope {
  return {
    to,
    messageId: `<notice.${token}@${config.hostname}>`,
    from: config.settings?.from ?? config.defaultFrom,
    now: clock.now(),
  };
}

async function composeMatter(matter: TellableMatter, envelope: Envelope, deps: WriteDeps): Promise<Buffer> {
  const { config } = deps;
  if ('recipients' in matter) return composeMessageReport(matter, envelope, deps);
  return composeNotice(plainText(matter, config), envelope, config);
}

function plainText(
  matter: Exclude<TellableMatter, { recipients: unknown }>,
  config: NoticeConfig,
): NoticeText {
  if ('pause' in matter) return routeText(matter.pause, config);
  if ('detail' in matter) return deviceText(matter.detail.head, config);
  return salvageText(matter.case.data, config);
}

type MessageMatter = Extract<TellableMatter, { recipients: unknown }>;

function composeMessageReport(matter: MessageMatter, envelope: Envelope, deps: WriteDeps): Promise<Buffer> {
  const { config } = deps;
  const { head, hasBody } = matter.detail;
  if (!('waiting' in matter)) {
    const text = failureText(head, matter.recipients, { config, hasBody });
    return report(text, matter, { envelope, action: { kind: 'failed' } }, deps);
  }
  const until = head.receivedAt + config.maxAgeHours * HOUR_MS;
  const facts = { config, waiting: matter.waiting, until, pauses: deps.pauses() };
  const text = delayText(head, matter.recipients, facts);
  return report(text, matter, { envelope, action: { kind: 'delayed', until } }, deps);
}

async function report(
  text: NoticeText,
  { detail: { head, hasBody }, recipients }: MessageMatter,
  { envelope, action }: { envelope: Envelope; action: Action },
  { config, spool, log }: WriteDeps,
): Promise<Buffer> {
  const header = hasBody ? await readHeader(head, { spool, log }) : null;
  return composeReport(text, envelope, { config, head, recipients, action, returnedHeader: header });
}

/** A body that can't be read is no reason to tell nobody. */
async function readHeader(
  { id }: MessageHead,
  { spool, log }: Pick<WriteDeps, 'spool' | 'log'>,
): Promise<string | null> {
  try {
    return await returnedHeader(await spool.openBody(id));
  } catch (error) {
    log.warn('notice.header-unreadable', { message: id, error: describeError(error) });
    return null;
  }
}

/** The sender of a scan is told before the others, so that after a crash in between each is told once. */
async function writeToSender(
  matter: MessageMatter,
  state: NoticeState,
  deps: WriteDeps,
): Promise<NoticeState> {
  const { head, hasBody } = matter.detail;
  const { seq } = matter.case;
  const isDone = state.toldSender >= seq || 'waiting' in matter;
  if (isDone || !mayTellSender(head, deps)) return state;
  const envelope = envelopeOf(`sender.${head.id}.${seq}`, [head.sender], deps);
  const text = senderText(head, matter.recipients, { config: deps.config, hasBody });
  const bytes = await report(text, matter, { envelope, action: { kind: 'failed' } }, deps);
  const next = { ...state, toldSender: seq };
  await commit(bytes, envelope, next, deps);
  return next;
}

/** Only a person of the own organisation at a registered device; what a machine wrote gets no answer (RFC 3834 2). */
function mayTellSender(head: MessageHead, { config, to }: WriteDeps): boolean {
  const device = head.device.id === null ? undefined : config.devices.get(head.device.id);
  const isWanted = device?.toSender ?? config.settings?.toSender ?? false;
  const sender = head.sender.toLowerCase();
  return (
    isWanted &&
    device !== undefined &&
    head.origin === undefined &&
    config.ownDomains.includes(domainOf(sender)) &&
    !to.some((address) => address.toLowerCase() === sender)
  );
}

/** A few lines: what, from where, to whom, why. */
function digestLine(matter: TellableMatter, config: NoticeConfig): string {
  const at = localTime(matter.case.at);
  switch (matter.case.kind) {
    case 'message':
    case 'delay':
      return 'recipients' in matter ? messageLine(matter, at, config) : at;
    case 'device':
      return `${at}  unknown device at ${matter.case.address}: its scans are held`;
    case 'route':
      return `${at}  route ${matter.case.route}: ${'pause' in matter ? matter.pause.cause : 'paused'}`;
    case 'salvage':
      return `${at}  the spool was damaged; messages lost in part: ${matter.case.data.lost}`;
    default:
      return assertNever(matter.case);
  }
}

function messageLine({ detail, recipients }: MessageMatter, at: string, config: NoticeConfig): string {
  const [first] = recipients;
  const more = recipients.length > 1 ? ` and ${recipients.length - 1} more` : '';
  return [
    `${at}  ${detail.head.id}  ${deviceName(detail.head, config)}`,
    `  to ${first?.address ?? ''}${more}: ${first?.cause ?? ''}`,
  ].join('\n');
}

async function commit(
  bytes: Buffer,
  { to, messageId, now }: Envelope,
  state: NoticeState,
  { spool, log }: WriteDeps,
): Promise<void> {
  const id = createMessageId(now);
  const receipt = await spool.receive();
  try {
    await receipt.write(bytes);
    await receipt.commit({
      ...{ id, receivedAt: now, sender: '', recipients: [...to], messageIdHeader: messageId, held: null },
      origin: 'notice',
      device: BOX,
      fact: { room: FACTS_ROOM, key: STATE_KEY, value: state },
    });
  } catch (error) {
    await receipt.abort();
    throw error;
  }
  log.info('notice.written', { message: id, messageId, recipients: to.length });
}

/** The box itself, as the device of its notices. A mailbox that sends them takes the place of the null sender. */
const BOX = {
  id: null,
  address: '127.0.0.1',
  greeting: null,
  login: null,
  profile: null,
  rewriteSender: 'if-needed',
  listener: 'notices',
  tls: null,
} as const;
