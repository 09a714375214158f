/**
 * Records the sessions of one address as the steps of a session file (docs/profiles.md), scrubbed while they are
 * written: nothing of what a person or a site is called, no secret and no content is ever kept, not even in memory.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { ClientHello, TlsName } from './client-hello.ts';
import type { TextPiece } from './message-text.ts';
import type { TlsStart } from './observation.ts';
import { type ScrubbedLine, scrubCommand } from './scrub-command.ts';
import { createTextScrubber } from './scrub-text.ts';

export interface Captured {
  /** Lines of a session file, without its head. */
  lines: string[];
  /** Connections, and messages that were accepted. */
  sessions: number;
  delivered: number;
}

/** Told of one session by whoever runs it. */
export interface SessionRecorder {
  tls(start: Exclude<TlsStart, 'plain'>, hello: ClientHello | null): void;
  command(line: string): void;
  /** A line of a sign-in exchange, whatever it holds. */
  signInLine(): void;
  reply(text: string): void;
  /** Lets the text of a message through. */
  text(text: AsyncIterable<TextPiece>): AsyncIterable<TextPiece>;
  accepted(): void;
  ended(hasQuit: boolean): void;
}

export interface CaptureRequest {
  address: string;
  waitMs: number;
  /** What the factory-set names of known devices begin with: that much of a name may be kept. */
  prefixes: readonly string[];
  signal?: AbortSignal | undefined;
}

export interface Captures {
  /** Resolves when a session that handed in a message is over, or the time is. Null while another capture runs. */
  capture(request: CaptureRequest): Promise<Captured> | null;
  /** A new connection; null where nobody records it. */
  recorderFor(address: string): SessionRecorder | null;
}

/** Pauses shorter than this are the network's. */
const PAUSE_MIN_MS = 1000;
/** A replay need not wait as long as the device did. */
const PAUSE_SHOWN_MAX_MS = 5000;
const VERSIONS: Partial<Record<TlsName, string>> = {
  TLSv1: 'TLSv1',
  'TLSv1.1': 'TLSv1.1',
  'TLSv1.2': 'TLSv1.2',
  'TLSv1.3': 'TLSv1.3',
};

export function createCaptures(clock: Clock): Captures {
  let running: { request: CaptureRequest; captured: Captured; finish(): void } | null = null;

  function capture(request: CaptureRequest): Promise<Captured> | null {
    if (running !== null) return null;
    const captured: Captured = { lines: [], sessions: 0, delivered: 0 };
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const finish = () => {
        timer?.cancel();
        request.signal?.removeEventListener('abort', finish);
        running = null;
        resolve(captured);
      };
      running = { request, captured, finish };
      timer = clock.schedule(request.waitMs, finish);
      request.signal?.addEventListener('abort', finish);
      if (request.signal?.aborted) finish();
    });
  }

  return {
    capture,
    recorderFor(address) {
      const current = running;
      if (current === null || current.request.address !== address) return null;
      return createRecorder(clock, current.request, current.captured, () => {
        if (running === current && current.captured.delivered > 0) current.finish();
      });
    },
  };
}

function createRecorder(
  clock: Clock,
  { address, prefixes }: CaptureRequest,
  captured: Captured,
  onEnded: () => void,
): SessionRecorder {
  let mechanism: string | null = null;
  let signInLines = 0;
  let boxSpokeAt = clock.monotonicMs();
  let hasSteps = false;

  function add(...lines: string[]): void {
    if (captured.lines.length + lines.length > LIMITS.captureLinesMax) return;
    if (!hasSteps && captured.sessions > 0) captured.lines.push('N:');
    hasSteps = true;
    captured.lines.push(...lines);
  }

  function notePause(): void {
    const pauseMs = Math.round(clock.monotonicMs() - boxSpokeAt);
    if (pauseMs < PAUSE_MIN_MS) return;
    add(
      `# it paused for ${Math.round(pauseMs / 1000)} s here`,
      `P: ${Math.min(pauseMs, PAUSE_SHOWN_MAX_MS)}`,
    );
  }

  function say({ step, mechanism: named }: ScrubbedLine): void {
    if (named !== undefined) {
      mechanism = named;
      signInLines = step.includes('{{userBase64}}') ? 1 : 0;
    }
    add(step);
  }

  return {
    tls(start, hello) {
      const known = (hello?.versions ?? []).flatMap((name) => VERSIONS[name] ?? []);
      const format = hello?.format === 'v2' ? ['# its hello has the format of SSL 2.0'] : [];
      // A hello without a list names its newest version alone; older ones are not ruled out.
      add(...format, ['T:', start, known[0], known.at(-1)].filter((part) => part !== undefined).join(' '));
    },
    command(line) {
      notePause();
      say(scrubCommand(line, { address, prefixes }));
    },
    signInLine() {
      notePause();
      add(`C: ${signInAnswer(mechanism, signInLines)}`);
      signInLines += 1;
    },
    reply(text) {
      boxSpokeAt = clock.monotonicMs();
      const [code] = /^[2-5]\d\d/.exec(text) ?? [];
      if (code !== undefined) add(`S: ${code}`);
    },
    async *text(text) {
      const scrubber = createTextScrubber();
      for await (const piece of text) {
        scrubber.take(piece.bytes);
        yield piece;
      }
      add(...scrubber.lines());
    },
    accepted() {
      captured.delivered += 1;
    },
    ended(hasQuit) {
      if (!hasSteps) return;
      if (!hasQuit) add('X:');
      captured.sessions += 1;
      onEnded();
    },
  };
}

function signInAnswer(mechanism: string | null, answered: number): string {
  if (mechanism === 'CRAM-MD5') return '{{cramMd5Base64}}';
  if (mechanism === 'PLAIN') return '{{plainBase64}}';
  return answered === 0 ? '{{userBase64}}' : '{{passwordBase64}}';
}
