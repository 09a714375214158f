/** Bodies on their way in, as the spool thread knows them: how far they are, and whether they can still be accepted. */

import { createBodyKey } from './body-cipher.ts';
import type { BodyWriter } from './body-table.ts';
import { refusal } from './problems.ts';
import type { SpoolRefusal } from './types.ts';

export interface OpenBody extends BodyWriter {
  /** Plain bytes so far. */
  bodyBytes: number;
  /** Whether its message will wait for a person, as far as is known. */
  isHeld: boolean;
  /** Set once the body can't become a message any more. */
  broken: SpoolRefusal | null;
  /** Whether chunks of it are in the open transaction. */
  isTouched: boolean;
}

export interface IncomingBytes {
  bytes: number;
  heldBytes: number;
}

export interface OpenBodies {
  open(number: number, options: { encrypt: boolean; isHeld: boolean }): OpenBody;
  /** The body if it can go on. Throws SpoolRefusal when it is broken, Error when it was never opened. */
  sound(number: number): OpenBody;
  /** Removes it from those under way. */
  close(number: number): OpenBody | null;
  isOpen(number: number): boolean;
  /** Bytes of all that are under way, and of those among them that will be held. */
  incoming(): IncomingBytes;
  /** The open transaction is durable. */
  committed(): void;
  /** The open transaction is gone: bodies with chunks in it are broken; all of them where the file was replaced. */
  failed(error: SpoolRefusal, options: { all: boolean }): void;
}

export function createOpenBodies(): OpenBodies {
  const bodies = new Map<number, OpenBody>();
  return {
    open(number, { encrypt, isHeld }) {
      const body: OpenBody = {
        number,
        key: encrypt ? createBodyKey() : null,
        chunkCount: 0,
        isListed: false,
        bodyBytes: 0,
        isHeld,
        broken: null,
        isTouched: false,
      };
      bodies.set(number, body);
      return body;
    },
    sound(number) {
      const body = bodies.get(number);
      if (body === undefined) throw refusal('stopping', new Error(`body ${number} is not open`));
      if (body.broken !== null) throw body.broken;
      return body;
    },
    close(number) {
      const body = bodies.get(number) ?? null;
      bodies.delete(number);
      return body;
    },
    isOpen: (number) => bodies.has(number),
    incoming() {
      const sum = { bytes: 0, heldBytes: 0 };
      for (const { bodyBytes, isHeld } of bodies.values()) {
        sum.bytes += bodyBytes;
        if (isHeld) sum.heldBytes += bodyBytes;
      }
      return sum;
    },
    committed() {
      for (const body of bodies.values()) body.isTouched = false;
    },
    failed(error, { all }) {
      for (const body of bodies.values()) {
        if (body.isTouched || (all && body.chunkCount > 0)) body.broken ??= error;
        body.isTouched = false;
      }
    },
  };
}
