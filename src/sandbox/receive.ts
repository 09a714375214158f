/** Receives a message for a simulated host, by DATA or by BDAT, and answers its end. */

import { BAD_ARGUMENTS, BAD_SEQUENCE, type Conversation, resetEnvelope } from './conversation.ts';
import { createDataDecoder } from './data-decoder.ts';
import { isPositive } from './dialogue.ts';
import type { BodyCollector, CollectedBody } from './message-store.ts';
import type { Subject } from './replies.ts';

const START = '354 Start mail input; end with <CRLF>.<CRLF>';

export async function receiveData(talk: Conversation): Promise<void> {
  const { dialogue, deps } = talk;
  if (!hasEnvelope(talk)) return dialogue.send(BAD_SEQUENCE);
  if (!(await dialogue.answer('data', START, envelope(talk)))) return;
  const collector = deps.store.collect();
  if (await readBody(talk, collector)) return settle(talk, collector);
  collector.discard();
  dialogue.end();
}

/** `BDAT size [LAST]`, the octets follow as they are (RFC 3030 section 2). */
export async function receiveChunk(talk: Conversation, argument: string): Promise<void> {
  const { dialogue, deps } = talk;
  const [, size, last] = /^(\d{1,9})(\s+LAST)?$/i.exec(argument) ?? [];
  if (size === undefined) return dialogue.send(BAD_ARGUMENTS);
  const collector = hasEnvelope(talk) ? (talk.chunked ?? deps.store.collect()) : null;
  talk.chunked = collector;
  if (!(await readOctets(talk, Number(size), collector))) return dialogue.end();
  if (!collector) return dialogue.send(BAD_SEQUENCE);
  if (last === undefined) return dialogue.send(`250 2.0.0 ${size} octets received`);
  talk.chunked = null;
  await settle(talk, collector);
}

async function readBody(talk: Conversation, collector: BodyCollector): Promise<boolean> {
  const { dialogue } = talk;
  const decoder = createDataDecoder();
  for (;;) {
    const chunk = await dialogue.readChunk();
    if (chunk === null || (await dialogue.choose('body', '')) === null) return false;
    const rest = decoder.push(chunk, (slice) => collector.push(slice));
    if (rest === null) continue;
    dialogue.unread(rest);
    return true;
  }
}

async function readOctets(
  talk: Conversation,
  count: number,
  collector: BodyCollector | null,
): Promise<boolean> {
  let left = count;
  while (left > 0) {
    const chunk = await talk.dialogue.readChunk();
    if (chunk === null) return false;
    collector?.push(chunk.subarray(0, left));
    talk.dialogue.unread(chunk.subarray(left));
    left -= Math.min(left, chunk.length);
  }
  return true;
}

async function settle(talk: Conversation, collector: BodyCollector): Promise<void> {
  const { dialogue, deps } = talk;
  const collected = collector.finish();
  const reply = await dialogue.choose(
    'data-end',
    deps.policy.message(talk.session, collected),
    envelope(talk),
  );
  const isKept = reply !== null && isPositive(reply);
  if (isKept) keep(talk, collected);
  else collector.discard();
  resetEnvelope(talk);
  if (isKept && deps.faults().dropAfterFinalDot) return dialogue.cut();
  if (reply !== null) await dialogue.send(reply);
}

function keep(talk: Conversation, collected: CollectedBody): void {
  const { session, deps } = talk;
  const certificate = session.clientCertificate;
  deps.store.add({
    host: session.host,
    receivedAt: deps.clock.now(),
    sender: session.sender ?? '',
    recipients: session.recipients,
    body: collected.body,
    bodyBytes: collected.bodyBytes,
    sha256: collected.sha256,
    tls: session.tls,
    user: session.user,
    clientCertificate: certificate?.trusted ? (certificate.names[0] ?? null) : null,
    address: session.address,
    ehlo: session.ehlo ?? '',
  });
}

function hasEnvelope(talk: Conversation): boolean {
  return talk.session.sender !== null && talk.session.recipients.length > 0;
}

function envelope(talk: Conversation): Subject {
  return { sender: talk.session.sender ?? '', recipients: talk.session.recipients };
}
