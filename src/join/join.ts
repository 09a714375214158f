/**
 * Puts messages together again that a device has split into `message/partial` parts.
 *
 * Each part is an accepted message that is held in the spool; nothing else says what waits, so a start finds it all
 * again. The whole message and the end of its parts are one commit. Whatever goes wrong, parts that can't be joined
 * in time are released and go out as they came: a split scan is a nuisance, a lost one a disaster.
 */
import type { Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { MessageId } from '../core/message.ts';
import { createMessageId } from '../core/message-id.ts';
import { HELD_PART, partialFacts } from '../core/message-partial.ts';
import { type MessageSummary, SpoolRefusal } from '../spool/types.ts';
import { assemble, readHeader } from './assemble.ts';
import type { Join, JoinDeps } from './types.ts';
import { createWaiting, type Part, type WaitingParts, wholeOf } from './waiting.ts';

/** Held messages looked at in one go at the start. */
const START_PAGE = 500;

export function createJoin(deps: JoinDeps): Join {
  const { clock, log, spool } = deps;
  const waiting = createWaiting();
  const timers = new Map<string, Timer>();
  let last: Promise<void> = Promise.resolve();
  let again: Timer | null = null;
  let isStopped = false;

  /** One thing after the other: parts that come together must not be joined twice. */
  function enqueue(work: () => Promise<void>): void {
    last = last.then(async () => {
      if (isStopped) return;
      try {
        await work();
      } catch (error) {
        // The parts are safe in the spool, so it is enough to look for them again.
        log.error('join.failed', { error: describeError(error) });
        again?.cancel();
        again = clock.schedule(LIMITS.joinRetryMs, () => enqueue(findAll));
      }
    });
  }

  async function consider(id: MessageId): Promise<void> {
    const detail = await spool.show(id);
    if (detail !== null) await take(detail);
  }

  async function take(message: MessageSummary): Promise<void> {
    const waitingHere = heldAsPart(message).length;
    if (waitingHere === 0) return;
    if (waitingHere < message.recipients.length) return release([message.head.id], ENVELOPE_CHANGED);
    const part = await readPart(deps, message).catch((error: unknown) => {
      // A spool that refuses heals; what is damaged stays so, and would keep all others waiting.
      if (error instanceof SpoolRefusal) throw error;
      return { damage: describeError(error) };
    });
    if (part === null) return release([message.head.id], 'its header can not be read as a part');
    if ('damage' in part) return release([message.head.id], part.damage);
    await advance(waiting.add(part, clock.monotonicMs() + waitFor(part)));
    const stalest = waiting.size() > LIMITS.joinsWaitingMax ? waiting.stalest() : undefined;
    if (stalest !== undefined) await giveUp(stalest, 'too many split messages wait at once');
  }

  async function advance(set: WaitingParts): Promise<void> {
    if (set.parts.length > 2 * LIMITS.joinPartsMax) return giveUp(set, 'it has too many parts');
    const whole = wholeOf(set.parts);
    if (whole === null) return wait(set, set.until - clock.monotonicMs());
    if (whole.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) > deps.messageBytesMax()) {
      return giveUp(set, 'the whole message would be larger than the box takes');
    }
    await join(set, whole);
  }

  async function join(set: WaitingParts, whole: readonly Part[]): Promise<void> {
    try {
      const id = await writeJoined(deps, set, whole);
      forget(set.key);
      log.info('message.joined', { into: id, parts: whole.length });
    } catch (error) {
      if (error instanceof SpoolRefusal && clock.monotonicMs() < set.until) {
        // Full for the moment: the parts are safe where they are.
        log.warn('join.postponed', { error: describeError(error) });
        return wait(set, LIMITS.joinRetryMs);
      }
      await giveUp(set, describeError(error));
    }
  }

  /** A part may have come long before this start, and a clock may have been set since. */
  function waitFor({ receivedAt }: Part): number {
    return Math.min(Math.max(0, receivedAt + LIMITS.joinWaitMs - clock.now()), LIMITS.joinWaitMs);
  }

  function wait(set: WaitingParts, delayMs: number): void {
    timers.get(set.key)?.cancel();
    const timer = clock.schedule(Math.max(0, delayMs), () => enqueue(() => wakeUp(set.key)));
    timers.set(set.key, timer);
  }

  async function wakeUp(key: string): Promise<void> {
    const set = waiting.get(key);
    if (set === undefined) return;
    const isOver = clock.monotonicMs() >= set.until && wholeOf(set.parts) === null;
    await (isOver ? giveUp(set, 'parts are missing') : advance(set));
  }

  async function giveUp(set: WaitingParts, why: string): Promise<void> {
    await release(
      set.parts.map(({ message }) => message),
      why,
    );
    forget(set.key);
  }

  async function release(ids: MessageId[], why: string): Promise<void> {
    log.warn('join.given-up', { parts: ids.length, why });
    const found = await Promise.all(ids.map((id) => spool.show(id)));
    const parts = found.filter((one) => one !== null);
    const whole = parts.filter((one) => one.recipients.length === heldAsPart(one).length);
    if (whole.length > 0) await spool.act('release', { ids: whole.map(({ head }) => head.id) }, 'join');
    // Only those that still wait as parts: another may be held by an operator by now.
    for (const one of parts.filter((part) => !whole.includes(part)))
      for (const { address } of heldAsPart(one))
        await spool.act('release', { ids: [one.head.id], recipient: address }, 'join');
  }

  function forget(key: string): void {
    waiting.remove(key);
    timers.get(key)?.cancel();
    timers.delete(key);
  }

  async function findAll(): Promise<void> {
    let before: MessageId | null = null;
    do {
      const page: MessageSummary[] = await spool.list({ states: ['held'] }, { limit: START_PAGE, before });
      for (const message of page) await take(message);
      before = page.length < START_PAGE ? null : (page.at(-1)?.head.id ?? null);
    } while (before !== null && !isStopped);
  }

  return {
    async start() {
      isStopped = false;
      enqueue(findAll);
    },
    async stop() {
      isStopped = true;
      again?.cancel();
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
      await last;
    },
    noticed: (id) => enqueue(() => consider(id)),
    async idle() {
      let seen: Promise<void>;
      do {
        seen = last;
        await seen;
      } while (seen !== last);
    },
  };
}

const ENVELOPE_CHANGED = 'an operator has decided about some of its recipients';

/** The recipients for which it still waits as a part. */
function heldAsPart({ recipients, hasBody }: MessageSummary): MessageSummary['recipients'] {
  return hasBody ? recipients.filter(({ state, code }) => state === 'held' && code === HELD_PART.code) : [];
}

async function readPart({ spool }: JoinDeps, { head, recipients }: MessageSummary): Promise<Part | null> {
  const text = await spool.openBody(head.id);
  try {
    const { fields } = await readHeader(text[Symbol.asyncIterator](), null);
    const facts = partialFacts(fields);
    if (facts === null) return null;
    return {
      ...facts,
      message: head.id,
      device: head.device.id ?? head.device.address,
      sender: head.sender,
      recipients: recipients.map(({ address }) => address),
      bodyBytes: head.bodyBytes,
      receivedAt: head.receivedAt,
    };
  } finally {
    text.destroy();
  }
}

/** Writes the whole message; its commit is also the end of the parts. */
async function writeJoined(
  { spool, clock, hostname }: JoinDeps,
  set: WaitingParts,
  whole: readonly Part[],
): Promise<MessageId> {
  const [first] = whole;
  const shown = first === undefined ? null : await spool.show(first.message);
  if (first === undefined || shown === null) throw new Error('the first part is gone');
  const receivedAt = clock.now();
  const id = createMessageId(receivedAt);
  const text = assemble(
    whole.map(
      ({ message }) =>
        () =>
          spool.openBody(message),
    ),
    `<${id}@${hostname()}>`,
  );
  const receipt = await spool.receive();
  try {
    for await (const chunk of text.chunks) await receipt.write(chunk);
    await receipt.commit({
      ...{ id, receivedAt, sender: first.sender, recipients: [...first.recipients] },
      ...{ messageIdHeader: text.messageId(), device: shown.head.device, held: null },
      replaces: set.parts.map(({ message }) => message),
    });
    return id;
  } catch (error) {
    await receipt.abort();
    throw error;
  }
}
