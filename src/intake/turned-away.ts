/** Connections that are refused at the door: told why where the device can read it, and soon gone, however many come. */
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import { type ReplyCode, replyLine } from './replies.ts';
import type { ListenerSettings } from './settings.ts';

/** Says `code` and closes; past LIMITS.turnedAwayMax connections that are being told, closes at once. */
export type TurnAway = (socket: Socket, code: ReplyCode, mode: ListenerSettings['tls']) => void;

export function createTurnAway({ clock, log }: { clock: Clock; log: Log }): TurnAway {
  /** Sockets that have been told and are not closed yet. */
  let lingering = 0;

  return (socket, code, mode) => {
    socket.on('error', (error) => log.debug('intake.socket-error', { error: describeError(error) }));
    // A device that expects TLS could not read a reply in plain text.
    if (mode === 'implicit' || lingering >= LIMITS.turnedAwayMax) {
      socket.destroy();
      return;
    }
    lingering += 1;
    socket.resume();
    socket.end(replyLine(code));
    const timer = clock.schedule(LIMITS.closeLingerMs, () => socket.destroy());
    socket.once('close', () => {
      lingering -= 1;
      timer.cancel();
    });
  };
}
