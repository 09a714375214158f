/** Reads an accepted body, chunk by chunk. */
import { OperatorError } from '../core/errors.ts';
import type { MessageId } from '../core/message.ts';
import type { StoredMessage } from './message-table.ts';
import { PROBLEMS } from './problems.ts';
import type { OwnedBytes, SpoolCalls } from './protocol.ts';
import type { Store } from './store.ts';

/** Where the body of a message is, and how it begins. Throws OperatorError when there is none or it is damaged. */
export function openBody(store: Store, id: MessageId): SpoolCalls['openBody']['result'] {
  const message = store.messages.byId(id);
  if (message === null) throw new OperatorError(PROBLEMS.unknownMessage(id));
  const { number, chunkCount, bodyBytes } = message.body;
  return { number, chunkCount, bodyBytes, first: chunkOf(store, message, 0) };
}

/** One chunk in clear. Throws OperatorError when it has been erased or is damaged. */
export function readChunk(store: Store, { number, index }: { number: number; index: number }): OwnedBytes {
  const message = store.messages.byNumber(number);
  if (message === null) throw new OperatorError(PROBLEMS.unknownMessage(`number ${number}`));
  return chunkOf(store, message, index);
}

function chunkOf(store: Store, message: StoredMessage, index: number): OwnedBytes {
  if (!message.body.hasBody) throw new OperatorError(PROBLEMS.bodyErased(message.head.id));
  const chunk = store.bodies.readChunk(message.body, index);
  if (chunk === null) throw new OperatorError(PROBLEMS.bodyDamaged(message.head.id));
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
