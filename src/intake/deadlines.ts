/**
 * The time limits of one connection, all on the injected clock: the session as a whole, the handshake, the wait
 * for a command, and DATA with its longest pause and its minimum rate. While the box owes a reply, only the
 * session limit runs.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReplyCode, SilentCode } from './replies.ts';

export type DeadlinePhase = 'handshake' | 'command' | 'reply' | 'data';

export interface Deadlines {
  /** Starts the limits of a phase afresh. */
  enter(phase: DeadlinePhase): void;
  /** Bytes of the device arrived. */
  received(bytes: number): void;
  /** The longest wait for a command, and the longest pause inside a message, so far. */
  gaps(): { commandMs: number; dataMs: number };
  stop(): void;
}

/** How long the box waits for this device. */
export interface Waits {
  commandIdleMaxMs: number;
  dataIdleMaxMs: number;
}

interface DataProgress {
  startedAt: number;
  bytes: number;
  longestPauseMs: number;
}

type Expiry = { afterMs: number } | { code: ReplyCode | SilentCode };

/** `onExpire` is called once, with the code of the limit that was hit. */
export function createDeadlines(
  clock: Clock,
  waits: Waits,
  onExpire: (code: ReplyCode | SilentCode) => void,
): Deadlines {
  const openedAt = clock.monotonicMs();
  let phase: DeadlinePhase = 'command';
  let lastAt = openedAt;
  let data: DataProgress = { startedAt: openedAt, bytes: 0, longestPauseMs: 0 };
  const gaps = { commandMs: 0, dataMs: 0 };
  let hasWaited = false;
  let isStopped = false;
  let timer: Timer = clock.schedule(0, check);

  /** The silence that ends now; of a command counts the wait for its first byte. */
  function noteGap(): void {
    const silenceMs = clock.monotonicMs() - lastAt;
    if (phase === 'data') gaps.dataMs = Math.max(gaps.dataMs, silenceMs);
    if (phase === 'command' && !hasWaited) gaps.commandMs = Math.max(gaps.commandMs, silenceMs);
    hasWaited = true;
  }

  function within(limitMs: number, since: number, code: ReplyCode | SilentCode): Expiry {
    const leftMs = since + limitMs - clock.monotonicMs();
    return leftMs > 0 ? { afterMs: leftMs } : { code };
  }

  /**
   * Bytes buy time at the minimum rate. The longest pause is free, up to the idle limit: a device scans page by
   * page while it sends (docs/reference/quirks.md Q19), but one that trickles never pays for a second pause.
   */
  function dataExpiry(): Expiry {
    const now = clock.monotonicMs();
    const pauseMs = Math.max(data.longestPauseMs, now - lastAt);
    const paidMs = (data.bytes / LIMITS.dataBytesPerSecondMin) * 1000;
    const rate = within(LIMITS.dataRateGraceMs + pauseMs + paidMs, data.startedAt, 'intake.data-too-slow');
    return sooner(within(waits.dataIdleMaxMs, lastAt, 'intake.data-timeout'), rate);
  }

  function phaseExpiry(): Expiry | null {
    switch (phase) {
      case 'handshake':
        return within(LIMITS.tlsHandshakeMaxMs, lastAt, 'intake.tls-timeout');
      case 'command':
        return within(waits.commandIdleMaxMs, lastAt, 'intake.command-timeout');
      case 'data':
        return dataExpiry();
      case 'reply':
        return null;
    }
  }

  function check(): void {
    if (isStopped) return;
    const session = within(LIMITS.sessionMaxMs, openedAt, 'intake.session-timeout');
    const own = phaseExpiry();
    const next = own === null ? session : sooner(own, session);
    if ('afterMs' in next) {
      timer = clock.schedule(next.afterMs, check);
      return;
    }
    isStopped = true;
    noteGap();
    onExpire(next.code);
  }

  function rearm(): void {
    timer.cancel();
    timer = clock.schedule(0, check);
  }

  return {
    enter(next) {
      phase = next;
      hasWaited = false;
      lastAt = clock.monotonicMs();
      data = { startedAt: lastAt, bytes: 0, longestPauseMs: 0 };
      rearm();
    },
    received(bytes) {
      const now = clock.monotonicMs();
      noteGap();
      data.longestPauseMs = Math.max(data.longestPauseMs, now - lastAt);
      data.bytes += bytes;
      // Handshake and command are timed as a whole: sent byte by byte they get no more time.
      if (phase === 'data') lastAt = now;
    },
    gaps: () => ({ ...gaps }),
    stop() {
      isStopped = true;
      timer.cancel();
    },
  };
}

/** A limit that was hit comes before one that was not. */
function sooner(a: Expiry, b: Expiry): Expiry {
  if ('code' in a) return a;
  if ('code' in b) return b;
  return a.afterMs <= b.afterMs ? a : b;
}
