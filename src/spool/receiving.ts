/** The calls by which a body comes in: opened, written chunk by chunk, accepted with its message or given up. */
import { acceptMessage } from './accept.ts';
import type { DiskSpace } from './disk-space.ts';
import type { GroupCommit } from './group-commit.ts';
import type { OpenBodies, OpenBody } from './open-bodies.ts';
import { refusal } from './problems.ts';
import type { Executors, SpoolBounds } from './protocol.ts';
import { release } from './release.ts';
import type { Store } from './store.ts';
import type { Sweeper } from './sweeper.ts';

export interface ReceivingDeps {
  store(): Store;
  group: GroupCommit;
  bodies: OpenBodies;
  sweeper: Sweeper;
  space: DiskSpace;
  /** Read anew for each body. */
  bounds: Readonly<Pick<SpoolBounds, 'encrypt'>>;
}

export function createReceiving(
  deps: ReceivingDeps,
): Pick<Executors, 'receive' | 'writeChunk' | 'commit' | 'abort'> {
  const { store, group, bodies, sweeper, space } = deps;
  let highestNumber: number | null = null;

  /** A number is used once, even where its body was given up: a late chunk can't reach another body. */
  function takeNumber(): number {
    highestNumber =
      Math.max(highestNumber ?? 0, highestNumber === null ? store().messages.highestNumber() : 0) + 1;
    return highestNumber;
  }

  function checkRoom({ isHeld }: Pick<OpenBody, 'isHeld'>, moreBytes: number, now: number): void {
    const { bytes, heldBytes } = bodies.incoming();
    const reason =
      space.refuses(store(), bytes + moreBytes, now) ??
      (isHeld ? space.refusesHeld(store(), heldBytes + moreBytes) : null);
    if (reason !== null) throw refusal(reason);
  }

  function giveUp(number: number): void {
    bodies.close(number);
    sweeper.wake();
  }

  return {
    async receive({ isHeld }, now) {
      group.peek(() => checkRoom({ isHeld }, 0, now));
      const { encrypt } = deps.bounds;
      return group.peek(() => bodies.open(takeNumber(), { encrypt, isHeld }).number);
    },
    async writeChunk({ number, bytes }, now) {
      const body = bodies.sound(number);
      try {
        group.peek(() => checkRoom(body, bytes.length, now));
        body.isTouched = true;
        body.bodyBytes += bytes.length;
        group.lazy(() => store().bodies.writeChunk(body, bytes, false), bytes.length);
      } catch (error) {
        giveUp(number);
        throw error;
      } finally {
        release(bytes);
      }
      return null;
    },
    async commit({ number, bytes, message }, now) {
      try {
        const body = bodies.sound(number);
        // Only now it is certain: a message whose device went silent is held, too.
        body.isHeld = message.held !== null;
        group.peek(() => checkRoom(body, bytes.length, now));
        const whole = { ...body, bodyBytes: body.bodyBytes + bytes.length };
        const accepted = group.durable(() =>
          acceptMessage(store(), { message, body: whole, lastChunk: bytes, now }),
        );
        // Counted as held from here on.
        body.bodyBytes = 0;
        release(bytes);
        await accepted;
        bodies.close(number);
      } catch (error) {
        giveUp(number);
        throw error;
      }
      return null;
    },
    async abort({ number }) {
      giveUp(number);
      return null;
    },
  };
}
