/**
 * The line discipline between a device and smtp-server: the one place where commands can be changed before
 * smtp-server sees them, and replies before the device does.
 *
 * smtp-server talks to `stream`; the device's socket, plain or TLS, is attached by `open` when it is known which
 * one it is. Commands go in one at a time and the next waits for the reply, so at every moment it is known
 * whether a line is a command, part of a sign-in, or message text. What a device sends too early simply waits:
 * no early talker is punished. Message text doesn't pass through smtp-server: it sees an empty message, and its
 * handler reads the text from here.
 * Memory: one command line or the unread chunk of a message; the device's socket is paused beyond that.
 */
import type { Socket } from 'node:net';
import { Duplex, type Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { LIMITS } from '../core/limits.ts';
import { isTlsHello } from './first-bytes.ts';
import { createMessageText, type MessageText } from './message-text.ts';

export type DeviceSocket = Socket | TLSSocket;
export type WirePhase = 'greeting' | 'command' | 'sign-in' | 'reply' | 'data' | 'closed';

/** What to do with a command line: let it through (perhaps changed), answer it here, or start TLS. */
export type CommandVerdict =
  | { kind: 'pass'; line: Buffer }
  | { kind: 'answer'; reply: string }
  | { kind: 'starttls'; reply: string };

export interface WireEvents {
  /** A whole command line with its line end. Lines of a sign-in exchange and message text don't come here. */
  onCommand(line: Buffer): CommandVerdict;
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

export interface WireStream extends Duplex {
  /** The text of the message whose DATA command is being answered. */
  messageText(): Readable;
}

export interface Wire {
  /** The end that smtp-server holds. */
  readonly stream: WireStream;
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

/** A wire without a device yet; smtp-server may be connected to `stream` at once. */
export function createWire(events: WireEvents): Wire {
  let phase: WirePhase = 'greeting';
  let peer: DeviceSocket | null = null;
  let greetingMode: 'pass' | 'swallow' = 'pass';
  let heldGreeting: { text: string; done: () => void } | null = null;
  let unread: Buffer = EMPTY;
  let isPeerEnded = false;
  let isDraining = false;
  let hasSpoken = false;
  let verb = '';
  let text: MessageText | null = null;

  const duplex = new Duplex({
    read: () => pump(),
    write(chunk: Buffer, _encoding, done) {
      deliverReply(chunk.toString(), done);
    },
    final(done) {
      setPhase('closed');
      peer?.end();
      done();
    },
    destroy(error, done) {
      setPhase('closed');
      heldGreeting?.done();
      heldGreeting = null;
      text?.abandon();
      peer?.destroy();
      done(error);
    },
  });
  const stream = Object.assign(duplex, {
    messageText() {
      text = createMessageText(pump);
      return text.stream;
    },
  });

  function setPhase(next: WirePhase): void {
    if (phase === next || phase === 'closed') return;
    phase = next;
    events.onPhase(next);
  }

  /** smtp-server writes one whole reply at a time (`send` in its smtp-connection.js). */
  function deliverReply(text: string, done: () => void): void {
    if (!peer && phase !== 'closed') {
      heldGreeting = { text, done };
      return;
    }
    if (!peer || phase === 'closed' || peer.destroyed || !peer.writable) {
      done();
      return;
    }
    if (phase === 'greeting' && greetingMode === 'swallow') done();
    else peer.write(phase === 'greeting' ? text : events.onReply(verb, text), () => done());
    afterReply(text);
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
        return takeLine((line) => {
          events.onSignInLine();
          forward(line);
        });
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
  function mustDrain(socket: DeviceSocket | null): boolean {
    if (!socket?.writableNeedDrain) return false;
    if (!isDraining) {
      isDraining = true;
      socket.once('drain', () => {
        isDraining = false;
        pump();
      });
    }
    return true;
  }

  function takeCommand(): boolean {
    if (mustDrain(peer)) return false;
    if (!hasSpoken && unread.length > 0 && isTlsHello(unread)) {
      unread = EMPTY;
      events.onLateHello();
      return false;
    }
    return takeLine((line) => {
      hasSpoken = true;
      verb = line.toString('latin1').trim().split(/\s/, 1)[0]?.toUpperCase() ?? '';
      obey(events.onCommand(line));
    });
  }

  function takeLine(use: (line: Buffer) => void): boolean {
    const end = unread.indexOf(LF);
    const length = end < 0 ? unread.length : end;
    if (length > LIMITS.commandLineBytesMax) {
      unread = EMPTY;
      events.onLineTooLong();
      return false;
    }
    if (end < 0) return false;
    const line = unread.subarray(0, end + 1);
    unread = unread.subarray(end + 1);
    use(line);
    return true;
  }

  function obey(verdict: CommandVerdict): void {
    switch (verdict.kind) {
      case 'pass':
        forward(verdict.line);
        return;
      case 'answer':
        peer?.write(verdict.reply);
        return;
      case 'starttls':
        handOver(verdict.reply);
    }
  }

  function forward(line: Buffer | string): void {
    setPhase('reply');
    stream.push(line);
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
    stream.destroy();
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
    stream.destroy();
  }

  /** The device has nothing more to say; in the middle of DATA smtp-server then reports it as gone. */
  function leave(): void {
    const socket = peer;
    peer = null;
    socket?.end();
    stream.destroy();
  }

  function open(socket: DeviceSocket, greeting: 'pass' | 'swallow'): void {
    peer = socket;
    greetingMode = greeting;
    if (phase === 'closed' || socket.destroyed) {
      socket.destroy();
      stream.destroy();
      return;
    }
    socket.on('data', onData);
    socket.once('end', onEnd);
    socket.once('close', onClose);
    if (socket.readableEnded) isPeerEnded = true;
    const held = heldGreeting;
    heldGreeting = null;
    if (held) deliverReply(held.text, held.done);
  }

  function close(reply: string): void {
    const socket = peer;
    peer = null;
    if (socket && !socket.destroyed) {
      socket.resume();
      socket.end(reply);
    }
    stream.destroy();
  }

  // smtp-server asks a socket for these two; the time limits are kept by deadlines.ts instead.
  Object.defineProperty(stream, 'readyState', { get: () => (stream.destroyed ? 'closed' : 'open') });
  Object.defineProperty(stream, 'setTimeout', { value: () => stream });

  return { stream, phase: () => phase, open, close, destroy: () => void stream.destroy() };
}
