/** One connection of a device from accept to close: first bytes, TLS, smtp-server, deadlines. */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError, type Log } from '../core/log.ts';
import type { SessionRecorder } from './capture.ts';
import type { Conversation } from './conversation.ts';
import { createDeadlines } from './deadlines.ts';
import type { Engine } from './engine.ts';
import { awaitFirstBytes } from './first-bytes.ts';
import type { LearnedTls } from './learned-tls.ts';
import type { Observer, SessionObservation, TlsStart } from './observation.ts';
import { peekHello } from './peek-hello.ts';
import { REPLIES, type ReplyCode, replyLine, type SilentCode } from './replies.ts';
import type { ListenerSettings } from './settings.ts';
import { startHandshake, tlsFactsOf } from './tls.ts';
import type { Treatment } from './treatment.ts';
import { createWire, type DeviceSocket, type Wire, type WirePhase } from './wire.ts';

export interface SessionDeps {
  clock: Clock;
  log: Log;
  engine: Engine;
  learned: LearnedTls;
  conversation: Conversation;
  secureContext: SecureContext;
  observer: Observer;
  /** Null where nobody records the session. */
  recorder: SessionRecorder | null;
  /** The session is over, and showed something of the device. */
  observed(observation: SessionObservation): void;
}

export interface SessionFacts {
  address: string;
  /** Local port, and `address:port` as events name it. */
  port: number;
  listener: string;
  mode: ListenerSettings['tls'];
  treatment: Pick<Treatment, 'bannerWait' | 'commandIdleMaxMs' | 'dataIdleMaxMs'>;
}

export interface Session {
  /** Never rejects; resolves when the opening is over and the session runs by itself. */
  begin(): Promise<void>;
  /** Says that the box is stopping, at once or after the message that is under way. */
  finish(): void;
  /** Cuts the connection. */
  cut(): void;
}

export function createSession(deps: SessionDeps, socket: Socket, facts: SessionFacts): Session {
  const { clock, learned, conversation, recorder } = deps;
  let isFinishing = false;
  let isOpened = false;
  let isCut = false;
  /** The outermost layer: pulling the socket from under a TLS handshake is not safe in Node. */
  let top: DeviceSocket = socket;
  let wire = newWire(facts.mode === 'implicit');
  const deadlines = createDeadlines(clock, facts.treatment, expire);
  socket.on('error', (error) => deps.log.debug('intake.socket-error', { error: describeError(error) }));
  socket.on('close', () => {
    deadlines.stop();
    wire.destroy();
    recorder?.ended(deps.observer.hasQuit());
    tellObserved();
  });

  /** A test scan of the box itself is no device. */
  function tellObserved(): void {
    const device = conversation.who();
    const observation = deps.observer.finish({ device, gaps: deadlines.gaps() });
    if (observation !== null && device !== 'test') deps.observed(observation);
  }

  function newWire(isSecure: boolean): Wire {
    const next: Wire = createWire({
      onCommand(line) {
        noteFirstCommand(isSecure);
        recorder?.command(line);
        const verdict = conversation.onCommand(line);
        if (verdict.kind !== 'pass') recorder?.reply(verdict.reply);
        return verdict;
      },
      onReply(verb, text) {
        const reply = conversation.onReply(verb, text);
        recorder?.reply(reply);
        return reply;
      },
      onSignInLine: () => recorder?.signInLine(),
      onPhase: (phase) => {
        if (wire === next) followPhase(phase);
      },
      onBytes: (bytes) => deadlines.received(bytes),
      onStartTls: (plain) => void secure(plain as Socket, 'starttls'),
      onLateHello,
      onLineTooLong: () => refuse('intake.line-too-long'),
    });
    deps.engine.connect(next, facts.address, isSecure, conversation);
    return next;
  }

  let hasSpokenPlain = false;
  function noteFirstCommand(isSecure: boolean): void {
    if (isSecure || hasSpokenPlain) return;
    hasSpokenPlain = true;
    if (facts.mode === 'auto') learned.forget(facts.address, facts.port);
  }

  function followPhase(phase: WirePhase): void {
    if (phase === 'reply' || phase === 'greeting') deadlines.enter('reply');
    else if (phase === 'data') deadlines.enter('data');
    else if (phase !== 'closed') {
      deadlines.enter('command');
      if (isFinishing) queueMicrotask(() => refuse('intake.stopping'));
    }
  }

  /** Ends the session with a reply; whoever does not hang up soon is cut. */
  function refuse(code: ReplyCode): void {
    conversation.report(code, replyLine(code).trimEnd());
    recorder?.reply(replyLine(code));
    conversation.end(code);
    wire.close(replyLine(code));
    const timer = clock.schedule(LIMITS.closeLingerMs, () => top.destroy());
    socket.once('close', () => timer.cancel());
  }

  function expire(code: ReplyCode | SilentCode): void {
    if (isOpened && code in REPLIES) {
      refuse(code as ReplyCode);
      return;
    }
    conversation.report(code, '');
    cut();
  }

  function cut(): void {
    isCut = true;
    conversation.end();
    wire.destroy();
    top.destroy();
  }

  /** The device took the banner for a piece of the handshake, so this connection can't be saved. */
  function onLateHello(): void {
    conversation.report('intake.tls-late', '');
    if (facts.mode === 'auto') learned.learn(facts.address, facts.port, facts.listener);
    cut();
  }

  async function secure(plain: Socket, start: Exclude<TlsStart, 'plain'>): Promise<void> {
    isOpened = false;
    if (start === 'starttls') wire = newWire(true);
    deadlines.enter('handshake');
    const hello = await peekHello(plain);
    if (hello === 'gone') {
      leftBeforeHandshake(plain);
      return;
    }
    deps.observer.hello(start, hello);
    recorder?.tls(start, hello);
    const handshake = startHandshake(plain, deps.secureContext);
    top = handshake.socket;
    try {
      const tlsSocket = await handshake.done;
      conversation.secured(tlsFactsOf(tlsSocket));
      openWire(tlsSocket, start === 'starttls' ? 'swallow' : 'pass');
    } catch (error) {
      const isText = start === 'implicit' && hello === null && isNoTls(error);
      const code = isText ? 'intake.tls-plain-text' : 'intake.tls-failed';
      if (!isCut) conversation.report(code, '', { error: describeError(error) });
      cut();
    }
  }

  /** Who connects and drops without a byte was only looking whether somebody is here. */
  function leftBeforeHandshake(plain: Socket): void {
    const error = 'the device closed the connection before its TLS hello was whole';
    if (!isCut && plain.bytesRead > 0) conversation.report('intake.tls-failed', '', { error });
    cut();
  }

  function openWire(device: DeviceSocket, greeting: 'pass' | 'swallow'): void {
    isOpened = true;
    deadlines.enter('command');
    if (greeting === 'pass') recorder?.reply('220');
    wire.open(device, greeting);
    if (isFinishing) refuse('intake.stopping');
  }

  function bannerWaitMs(): number {
    const { bannerWait } = facts.treatment;
    if (bannerWait === 'none') return 0;
    const isPatient = bannerWait === 'long' || learned.isImplicit(facts.address, facts.port);
    return isPatient ? LIMITS.bannerWaitMaxMs : LIMITS.bannerWaitMs;
  }

  /** smtp-server's own pause before its greeting runs beside this wait, not behind it. */
  async function openAuto(): Promise<void> {
    const first = await awaitFirstBytes(socket, clock, bannerWaitMs());
    if (first === 'gone') {
      cut();
      return;
    }
    if (first !== 'tls') {
      openWire(socket, 'pass');
      return;
    }
    learned.learn(facts.address, facts.port, facts.listener);
    const plainWire = wire;
    wire = newWire(true);
    plainWire.destroy();
    await secure(socket, 'implicit');
  }

  return {
    async begin() {
      if (facts.mode === 'auto') await openAuto();
      else if (facts.mode === 'implicit') await secure(socket, 'implicit');
      else openWire(socket, 'pass');
    },
    finish() {
      isFinishing = true;
      const phase = wire.phase();
      if (!isOpened) cut();
      else if (phase === 'command' || phase === 'sign-in' || phase === 'greeting') refuse('intake.stopping');
    },
    cut,
  };
}

/** As OpenSSL says of bytes that are no TLS record. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_HTTP_REQUEST']);

function isNoTls(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_TLS.has(String(error.code));
}
