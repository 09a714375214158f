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

/** A limit that runs: when it is hit, by the monotonic clock, and the code it has then. */
interface Limit {
  at: number;
  code: ReplyCode | SilentCode;
}

/** `onExpire` is called once, with the code of the limit that was hit. */
export function createDeadlines(
  clock: Clock,
  waits: Waits,
  onExpire: (code: ReplyCode | SilentCode) => void,
): Deadlines {
  const openedAt = clock.monotonicMs();
  const session: Limit = { at: openedAt + LIMITS.sessionMaxMs, code: 'intake.session-timeout' };
  let phase: DeadlinePhase = 'command';
  let lastAt = openedAt;
  /** Of the phase that runs, for DATA. */
  let startedAt = openedAt;
  let bytes = 0;
  let longestPauseMs = 0;
  const gaps = { commandMs: 0, dataMs: 0 };
  let hasWaited = false;
  let isStopped = false;
  let timer: Timer | null = null;
  let timerAt = Number.POSITIVE_INFINITY;
  arm();

  /** The silence that ends now; of a command counts the wait for its first byte. */
  function noteGap(silenceMs: number): void {
    if (phase === 'data') gaps.dataMs = Math.max(gaps.dataMs, silenceMs);
    if (phase === 'command' && !hasWaited) gaps.commandMs = Math.max(gaps.commandMs, silenceMs);
    hasWaited = true;
  }

  /**
   * Bytes buy time at the minimum rate. The longest pause is free, up to the idle limit: a device scans page by
   * page while it sends (docs/reference/quirks.md Q19), but one that trickles never pays for a second pause.
   */
  function dataLimit(): Limit {
    const pauseMs = Math.max(longestPauseMs, clock.monotonicMs() - lastAt);
    const paidMs = (bytes / LIMITS.dataBytesPerSecondMin) * 1000;
    return sooner(
      { at: lastAt + waits.dataIdleMaxMs, code: 'intake.data-timeout' },
      { at: startedAt + LIMITS.dataRateGraceMs + pauseMs + paidMs, code: 'intake.data-too-slow' },
    );
  }

  function nextLimit(): Limit {
    switch (phase) {
      case 'handshake':
        return sooner({ at: lastAt + LIMITS.tlsHandshakeMaxMs, code: 'intake.tls-timeout' }, session);
      case 'command':
        return sooner({ at: lastAt + waits.commandIdleMaxMs, code: 'intake.command-timeout' }, session);
      case 'data':
        return sooner(dataLimit(), session);
      case 'reply':
        return session;
    }
  }

  function check(): void {
    if (isStopped) return;
    timerAt = Number.POSITIVE_INFINITY;
    const next = nextLimit();
    if (next.at > clock.monotonicMs()) {
      arm();
      return;
    }
    isStopped = true;
    noteGap(clock.monotonicMs() - lastAt);
    onExpire(next.code);
  }

  /**
   * One timer runs on through the phases and looks again when it fires; only a limit that comes before it needs
   * another. A new one for each phase was 7 KiB of garbage a message.
   */
  function arm(): void {
    const { at } = nextLimit();
    if (isStopped || at >= timerAt) return;
    timer?.cancel();
    timerAt = at;
    timer = clock.schedule(at - clock.monotonicMs(), check);
  }

  return {
    enter(next) {
      phase = next;
      hasWaited = false;
      lastAt = clock.monotonicMs();
      startedAt = lastAt;
      bytes = 0;
      longestPauseMs = 0;
      // While the box owes a reply only the session limit runs, and no timer is later than that.
      if (next !== 'reply') arm();
    },
    received(more) {
      const now = clock.monotonicMs();
      noteGap(now - lastAt);
      longestPauseMs = Math.max(longestPauseMs, now - lastAt);
      bytes += more;
      // Handshake and command are timed as a whole: sent byte by byte they get no more time.
      if (phase === 'data') lastAt = now;
    },
    gaps: () => gaps,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}

function sooner(a: Limit, b: Limit): Limit {
  return a.at <= b.at ? a : b;
}
