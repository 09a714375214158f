/** Turns a received body into an accepted message: message, recipients, key and event in one go. */
import { LIMITS } from '../core/limits.ts';
import type { BodyWriter } from './body-table.ts';
import type { Store } from './store.ts';
import type { NewMessage } from './types.ts';

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
}
