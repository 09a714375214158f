/**
 * The line discipline between a device and smtp-server: the one place where commands can be changed before
 * smtp-server sees them, and replies before the device does.
 *
 * smtp-server talks to `serverEnd`; the device's socket, plain or TLS, is attached by `open` when it is known which
 * one it is. Commands go in one at a time and the next waits for the reply, so at every moment it is known
 * whether a line is a command, part of a sign-in, or message text. What a device sends too early simply waits:
 * no early talker is punished. Message text doesn't pass through smtp-server: it sees an empty message, and its
 * handler reads the text from here.
 * Memory: one command line or the unread chunk of a message; the device's socket is paused beyond that.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { LIMITS } from '../core/limits.ts';
import { isTlsHello } from './first-bytes.ts';
import { createMessageText, type MessageText, type TextPiece } from './message-text.ts';
import { createServerEnd, type ServerEnd } from './server-end.ts';
import { firstWord } from './verbs.ts';

export type DeviceSocket = Socket | TLSSocket;
export type WirePhase = 'greeting' | 'command' | 'sign-in' | 'reply' | 'data' | 'closed';

/** What to do with a command line: let it through (perhaps changed, without line end), answer it here, or start TLS. */
export type CommandVerdict =
  | { kind: 'pass'; line: string }
  | { kind: 'answer'; reply: string }
  | { kind: 'starttls'; reply: string };

export interface WireEvents {
  /**
   * A whole command line with its line end, one character per byte. Lines of a sign-in exchange and message text don't
   * come here.
   */
  onCommand(line: string): CommandVerdict;
  /** A reply of smtp-server to `verb`; what is returned goes to the device. */
  onReply(verb: string, reply: string): string;
  /** A line of a sign-in exchange has come; what it holds is nobody's business. */
  onSignInLine(): void;
  onPhase(phase: WirePhase): void;
  onBytes(bytes: number): void;
  /** The reply to STARTTLS is on its way; the socket is detached and its plain-text rest thrown away. */
  onStartTls(socket: DeviceSocket): void;
  /** A TLS hello came where the first command was expected. */
  onLateHello(): void;
  onLineTooLong(): void;
}

export interface Wire {
  /** The end that smtp-server holds. */
  readonly serverEnd: ServerEnd;
  /** The text of the message whose DATA command is being answered. */
  messageText(): AsyncIterable<TextPiece>;
  phase(): WirePhase;
  /** Attaches the device. With `greeting: 'swallow'` the device gets no second banner (after STARTTLS). */
  open(socket: DeviceSocket, greeting: 'pass' | 'swallow'): void;
  /** Says `reply`, closes the device's side in peace and ends smtp-server's session. */
  close(reply: string): void;
  /** Ends smtp-server's session and cuts the device, if one is attached. */
  destroy(): void;
}

const LF = 0x0a;
const EMPTY = Buffer.alloc(0);
/** What a reply asks the device for; behind any other it may say what it likes. */
const PHASES: Record<string, WirePhase> = { '354': 'data', '334': 'sign-in' };
/** What smtp-server sees of a message: its end. */
const EMPTY_MESSAGE = '.\r\n';

/** A wire without a device yet; smtp-server may be connected to `serverEnd` at once. */
export function createWire(events: WireEvents): Wire {
  let phase: WirePhase = 'greeting';
  let peer: DeviceSocket | null = null;
  let greetingMode: 'pass' | 'swallow' = 'pass';
  let heldGreeting: string | null = null;
  let unread: Buffer = EMPTY;
  let isPeerEnded = false;
  let isDraining = false;
  let hasSpoken = false;
  let verb = '';
  let text: MessageText | null = null;

  const serverEnd = createServerEnd({
    onReply: deliverReply,
    onEnd() {
      setPhase('closed');
      peer?.end();
    },
    onDestroy() {
      setPhase('closed');
      text?.abandon();
      peer?.destroy();
    },
  });

  function setPhase(next: WirePhase): void {
    if (phase === next || phase === 'closed') return;
    phase = next;
    events.onPhase(next);
  }

  function deliverReply(reply: string): void {
    if (!peer && phase !== 'closed') {
      // The greeting: smtp-server says nothing else unasked.
      heldGreeting = reply;
      return;
    }
    if (!peer || phase === 'closed' || peer.destroyed || !peer.writable) return;
    if (phase !== 'greeting') peer.write(events.onReply(verb, reply), onWritten);
    else if (greetingMode === 'pass') peer.write(reply, onWritten);
    afterReply(reply);
  }

  function afterReply(reply: string): void {
    setPhase(PHASES[reply.slice(0, 3)] ?? 'command');
    pump();
  }

  /** Moves what the device sent as far as the phase allows. */
  function pump(): void {
    while (takeNext());
    if (!peer || phase === 'closed') return;
    if (isPeerEnded && isHeard()) leave();
    else if (hasRoom()) peer.resume();
    else peer.pause();
  }

  function takeNext(): boolean {
    switch (phase) {
      case 'command':
        return takeCommand();
      case 'sign-in':
        return takeSignInLine();
      case 'data':
        return takeData();
      default:
        return false;
    }
  }

  /** Nothing the device said is still to be dealt with, and no reply is due. */
  function isHeard(): boolean {
    if (phase === 'data') return unread.length === 0;
    return phase !== 'reply' && phase !== 'greeting';
  }

  function hasRoom(): boolean {
    return unread.length < LIMITS.deviceUnreadBytesMax && (phase !== 'data' || text?.isWanted() !== false);
  }

  /** Whoever sends commands without reading the replies waits, so that replies don't pile up in memory. */
  function mustDrain(): boolean {
    isDraining = peer !== null && peer.writableLength > 0;
    return isDraining;
  }

  function onWritten(): void {
    if (isDraining) pump();
  }

  function takeCommand(): boolean {
    if (mustDrain()) return false;
    if (!hasSpoken && unread.length > 0 && isTlsHello(unread)) {
      unread = EMPTY;
      events.onLateHello();
      return false;
    }
    const line = takeLine();
    if (line === null) return false;
    hasSpoken = true;
    verb = firstWord(line.trim()).toUpperCase();
    obey(events.onCommand(line));
    return true;
  }

  function takeSignInLine(): boolean {
    const line = takeLine();
    if (line === null) return false;
    events.onSignInLine();
    forward(line);
    return true;
  }

  /** The next line with its end, one character per byte; null while there is none. */
  function takeLine(): string | null {
    const end = unread.indexOf(LF);
    const length = end < 0 ? unread.length : end;
    if (length > LIMITS.commandLineBytesMax) {
      unread = EMPTY;
      events.onLineTooLong();
      return null;
    }
    if (end < 0) return null;
    const line = unread.toString('latin1', 0, end + 1);
    unread = end + 1 === unread.length ? EMPTY : unread.subarray(end + 1);
    return line;
  }

  function obey(verdict: CommandVerdict): void {
    switch (verdict.kind) {
      case 'pass':
        forward(`${verdict.line}\r\n`);
        return;
      case 'answer':
        peer?.write(verdict.reply, onWritten);
        return;
      case 'starttls':
        handOver(verdict.reply);
    }
  }

  function forward(line: string): void {
    setPhase('reply');
    serverEnd.push(line);
  }

  function takeData(): boolean {
    if (!text?.isWanted() || unread.length === 0) return false;
    const rest = text.take(unread);
    unread = rest ?? EMPTY;
    if (rest !== null) forward(EMPTY_MESSAGE);
    return true;
  }

  /** Commands that came with STARTTLS were sent in the clear and may be anyone's: they are dropped (RFC 3207 6). */
  function handOver(reply: string): void {
    const socket = peer;
    if (!socket) return;
    detach(socket);
    serverEnd.destroy();
    socket.write(reply, (error) => {
      if (!error) events.onStartTls(socket);
    });
  }

  function detach(socket: DeviceSocket): void {
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    socket.pause();
    unread = EMPTY;
    peer = null;
  }

  function onData(chunk: Buffer): void {
    if (phase === 'closed') return;
    events.onBytes(chunk.length);
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    pump();
  }

  function onEnd(): void {
    isPeerEnded = true;
    pump();
  }

  function onClose(): void {
    serverEnd.destroy();
  }

  /** The device has nothing more to say; in the middle of DATA smtp-server then reports it as gone. */
  function leave(): void {
    const socket = peer;
    peer = null;
    socket?.end();
    serverEnd.destroy();
  }

  function open(socket: DeviceSocket, greeting: 'pass' | 'swallow'): void {
    peer = socket;
    greetingMode = greeting;
    if (phase === 'closed' || socket.destroyed) {
      socket.destroy();
      serverEnd.destroy();
      return;
    }
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    if (socket.readableEnded) isPeerEnded = true;
    const held = heldGreeting;
    heldGreeting = null;
    if (held !== null) deliverReply(held);
  }

  function close(reply: string): void {
    const socket = peer;
    peer = null;
    if (socket && !socket.destroyed) {
      socket.resume();
      socket.end(reply);
    }
    serverEnd.destroy();
  }

  return {
    serverEnd,
    messageText() {
      text = createMessageText(pump);
      return text.text;
    },
    phase: () => phase,
    open,
    close,
    destroy: serverEnd.destroy,
  };
}
