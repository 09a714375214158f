/** The calls by which a body comes in: opened, written chunk by chunk, accepted with its message or given up. */
import { release } from '../core/release.ts';
import { acceptMessage } from './accept.ts';
import type { DiskSpace } from './disk-space.ts';
import type { GroupCommit } from './group-commit.ts';
import type { OpenBodies, OpenBody } from './open-bodies.ts';
import { refusal } from './problems.ts';
import type { Executors, IncomingPart, SpoolBounds } from './protocol.ts';
import type { Store } from './store.ts';
import type { Sweeper } from './sweeper.ts';

export interface ReceivingDeps {
  store(): Store;
  group: GroupCommit;
  bodies: OpenBodies;
  sweeper: Sweeper;
  space: DiskSpace;
  /** Emptied when the transaction ends (claims.ts). */
  fresh: Set<number>;
  /** Read anew for each body. */
  bounds: Readonly<Pick<SpoolBounds, 'encrypt'>>;
}

export function createReceiving(deps: ReceivingDeps): Pick<Executors, 'writeChunk' | 'commit' | 'abort'> {
  const { store, group, bodies, sweeper, space } = deps;

  function bodyOf({ number, open }: IncomingPart): OpenBody {
    return open === null
      ? bodies.sound(number)
      : bodies.open(number, { encrypt: deps.bounds.encrypt, isHeld: open.isHeld });
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
    async writeChunk(part, now) {
      const { number, bytes } = part;
      const body = bodyOf(part);
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
    async commit({ message, ...part }, now) {
      const { number, bytes } = part;
      try {
        const body = bodyOf(part);
        // Only now it is certain: a message whose device went silent is held, too.
        body.isHeld = message.held !== null;
        group.peek(() => checkRoom(body, bytes.length, now));
        const whole = { ...body, bodyBytes: body.bodyBytes + bytes.length };
        const accepted = group.durable(() => {
          acceptMessage(store(), { message, body: whole, lastChunk: bytes, now });
          deps.fresh.add(number);
        });
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
