/**
 * What smtp-server takes for the socket of a device: the members of a socket that it uses (its smtp-connection.js), and
 * no buffers. A Duplex piped into smtp-server's parser did the same for 15 KiB of garbage a message.
 */
import type { Writable } from 'node:stream';

export interface ServerEnd {
  readonly destroyed: boolean;
  /** Gives smtp-server a line, one character per byte. */
  push(line: string): void;
  destroy(): void;
}

export interface ServerEndEvents {
  /** smtp-server writes one whole reply at a time (its `send`). */
  onReply(reply: string): void;
  /** smtp-server has nothing more to say. */
  onEnd(): void;
  onDestroy(): void;
}

export function createServerEnd(events: ServerEndEvents): ServerEnd {
  let parser: Writable | null = null;
  const closeListeners: (() => void)[] = [];

  const end = {
    destroyed: false,
    writable: true,
    readyState: 'open',
    push(line: string): void {
      parser?.write(line, 'latin1');
    },
    destroy(): void {
      if (end.destroyed) return;
      end.destroyed = true;
      end.writable = false;
      end.readyState = 'closed';
      events.onDestroy();
      process.nextTick(() => {
        for (const listener of closeListeners) listener();
      });
    },
    write: events.onReply,
    end(): void {
      if (!end.writable) return;
      end.writable = false;
      events.onEnd();
    },
    on(event: string, listener: () => void): void {
      if (event === 'close') closeListeners.push(listener);
    },
    pipe(to: Writable): void {
      parser = to;
    },
    unpipe(): void {
      parser = null;
    },
    resume(): void {},
    /** The time limits are kept by deadlines.ts instead. */
    setTimeout: () => {},
  };
  return end;
}
