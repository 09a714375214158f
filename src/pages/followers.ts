/** Browsers that follow a page live (server-sent events): told that something changed, never what. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

export interface Followers {
  /** False when there are too many already; the response is then untouched. */
  add(response: ServerResponse): boolean;
  /** Something changed; told within `pageChangeEveryMs`, and once however often this is called until then. */
  changed(): void;
  count(): number;
  stop(): void;
}

export function createFollowers(clock: Clock): Followers {
  const followers = new Set<ServerResponse>();
  let pending: Timer | null = null;
  let heartbeat: Timer | null = null;

  function write(text: string): void {
    for (const response of followers) {
      // A browser that does not read gets the next one: there is no use in piling them up.
      if (response.writableLength === 0) response.write(text);
    }
  }

  function beat(): void {
    heartbeat = followers.size === 0 ? null : clock.schedule(LIMITS.pageHeartbeatMs, beat);
    write(': here\n\n');
  }

  return {
    add(response) {
      if (followers.size >= LIMITS.pageFollowersMax) return false;
      followers.add(response);
      response.on('close', () => followers.delete(response));
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      // A browser that comes back may have missed a change.
      response.write('retry: 3000\nevent: changed\ndata:\n\n');
      heartbeat ??= clock.schedule(LIMITS.pageHeartbeatMs, beat);
      return true;
    },
    changed() {
      if (followers.size === 0) return;
      pending ??= clock.schedule(LIMITS.pageChangeEveryMs, () => {
        pending = null;
        write('event: changed\ndata:\n\n');
      });
    },
    count: () => followers.size,
    stop() {
      pending?.cancel();
      heartbeat?.cancel();
      for (const response of followers) response.end();
      followers.clear();
    },
  };
}
