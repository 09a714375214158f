/**
 * Encryption of stored bodies: each under its own random key with AES-256-GCM (NIST SP 800-38D).
 *
 * The nonce is the chunk's index, which is unique because a key serves one body only. The authenticated data bind a
 * chunk to its body, its place and to being the last one, so chunks can't be swapped, moved or cut off unnoticed.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { seal, unseal } from '../core/seal.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a chunk is bound to. */
export interface ChunkPlace {
  number: number;
  index: number;
  isLast: boolean;
}

export interface SealedChunk {
  bytes: Uint8Array;
  tag: Uint8Array;
}

/** Makes the key of a new body. */
export function createBodyKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

export function sealChunk(key: Buffer, place: ChunkPlace, plain: Uint8Array): SealedChunk {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(place), { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(place));
  const bytes = cipher.update(plain);
  cipher.final();
  return { bytes, tag: cipher.getAuthTag() };
}

/** Throws when the chunk is not the one that was sealed for this place. */
export function openChunk(key: Buffer, place: ChunkPlace, sealed: SealedChunk): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(place));
  decipher.setAuthTag(sealed.tag);
  const plain = decipher.update(sealed.bytes);
  decipher.final();
  return plain;
}

/** Wraps a body key under the box key; bound to the body's number. */
export function wrapBodyKey(boxKey: Buffer, number: number, key: Buffer): Buffer {
  return seal(boxKey, key, `body-key:${number}`);
}

/** Throws when the wrapped key is not this body's or the box key is another one. */
export function unwrapBodyKey(boxKey: Buffer, number: number, wrapped: Buffer): Buffer {
  return unseal(boxKey, wrapped, `body-key:${number}`);
}

function nonceOf({ index }: ChunkPlace): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(index, NONCE_BYTES - 4);
  return nonce;
}

function boundTo({ number, index, isLast }: ChunkPlace): Buffer {
  return Buffer.from(`chunk:${number}:${index}:${isLast ? 'last' : 'more'}`);
}
