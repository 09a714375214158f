/** Turns a received body into an accepted message: message, recipients, key and event in one go. */
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import { HELD_PART, joinedPart } from '../core/message-partial.ts';
import type { BodyWriter } from './body-table.ts';
import { factText } from './fact-table.ts';
import { concludeChange, type Store } from './store.ts';
import { type NewMessage, UnfitSettlement } from './types.ts';

/** To be run inside a transaction. Throws for an envelope that intake should never have let through. */
export function acceptMessage(
  store: Store,
  request: {
    message: NewMessage;
    body: BodyWriter & { bodyBytes: number };
    lastChunk: Uint8Array;
    now: number;
  },
): void {
  const { message, body, lastChunk, now } = request;
  const count = message.recipients.length;
  if (count === 0 || count > LIMITS.recipientsPerMessageMax) {
    throw new RangeError(`message ${message.id} has ${count} recipients`);
  }
  store.bodies.writeChunk(body, lastChunk, true);
  store.bodies.unlist(body);
  store.messages.insert(message, body, store.bodies.keepKey(body));
  store.recipients.insert(
    body.number,
    { addresses: message.recipients, device: message.device.id ?? message.device.address },
    message.held === null ? { state: 'queued', nextAttemptAt: now } : { state: 'held', ...message.held },
  );
  store.counters.bodyBytes += body.bodyBytes;
  if (message.held !== null) store.counters.heldBytes += body.bodyBytes;
  if (message.fact !== undefined) {
    const { room, key, value } = message.fact;
    store.facts.put(room, key, factText(room, key, value));
  }
  store.events.append(now, {
    type: 'message.accepted',
    data: {
      message: message.id,
      device: message.device.id,
      address: message.device.address,
      listener: message.device.listener,
      sender: message.sender,
      recipients: count,
      bodyBytes: body.bodyBytes,
      tls: message.device.tls,
      held: message.held?.code ?? null,
      ...(message.repairs?.length ? { repairs: message.repairs } : {}),
    },
  });
  for (const part of message.replaces ?? []) replacePart(store, part, { into: message.id, now });
}

function replacePart(store: Store, id: MessageId, { into, now }: { into: MessageId; now: number }): void {
  const part = store.messages.byId(id);
  const recipients = part === null ? [] : store.recipients.ofMessage(part.body.number);
  if (part === null || !recipients.every(({ state, code }) => state === 'held' && code === HELD_PART.code)) {
    throw new UnfitSettlement(`message ${id} does not wait as a part any more`);
  }
  for (const recipient of recipients) {
    store.recipients.change(recipient, { state: 'cancelled', ...joinedPart(into) });
    const { address } = recipient;
    store.events.append(now, { type: 'message.joined', data: { message: id, recipient: address, into } });
  }
  concludeChange(store, { body: part.body, recipients }, now);
}
