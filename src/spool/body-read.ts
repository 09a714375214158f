/** Reads an accepted body, chunk by chunk. */
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { MessageId } from '../core/message.ts';
import type { MessageBody } from './message-table.ts';
import { PROBLEMS } from './problems.ts';
import type { OpenedBody, OwnedBytes } from './protocol.ts';
import type { Store } from './store.ts';

/** Where the body of a message is, and how it begins. Throws OperatorError when there is none or it is damaged. */
export function openBody(store: Store, id: MessageId): OpenedBody {
  const body = store.messages.bodyById(id);
  if (body === null) throw new OperatorError(PROBLEMS.unknownMessage(id));
  return begin(store, body);
}

/**
 * The body of a claimed message where it is small: it goes along with the claim, or each message would cost a further
 * way between the threads. Null for a larger one, and for one that can't be read: whoever opens it is told why.
 */
export function smallBody(store: Store, body: MessageBody): OpenedBody | null {
  if (body.bodyBytes > LIMITS.claimedBodyBytesMax) return null;
  try {
    return begin(store, body);
  } catch (error) {
    if (error instanceof OperatorError) return null;
    throw error;
  }
}

function begin(store: Store, body: MessageBody): OpenedBody {
  const { number, chunkCount, bodyBytes } = body;
  return { number, chunkCount, bodyBytes, first: chunkOf(store, body, 0) };
}

/** One chunk in clear. Throws OperatorError when it has been erased or is damaged. */
export function readChunk(store: Store, { number, index }: { number: number; index: number }): OwnedBytes {
  const body = store.messages.bodyByNumber(number);
  if (body === null) throw new OperatorError(PROBLEMS.unknownMessage(`number ${number}`));
  return chunkOf(store, body, index);
}

function chunkOf(store: Store, body: MessageBody, index: number): OwnedBytes {
  if (!body.hasBody) throw new OperatorError(PROBLEMS.bodyErased(body.id));
  const chunk = store.bodies.readChunk(body, index);
  if (chunk === null) throw new OperatorError(PROBLEMS.bodyDamaged(body.id));
  return owned(chunk);
}

/** Small buffers share Node's pool, which must not be handed over. */
function owned(bytes: Buffer): OwnedBytes {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) {
    return new Uint8Array(buffer);
  }
  return new Uint8Array(bytes);
}
