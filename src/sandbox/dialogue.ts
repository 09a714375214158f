/** The talking half of a simulated host's session: replies with their faults and scripts, and the change to TLS. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { describeError, type Log } from '../core/log.ts';
import { type HostFaults, hugeReply } from './faults.ts';
import type { MessageStore } from './message-store.ts';
import type { Stage, Subject } from './replies.ts';
import type { ReplyScript } from './reply-script.ts';
import type { HostPolicy } from './session.ts';
import type { TlsContexts } from './tls-contexts.ts';
import { createWire, type Wire } from './wire.ts';

export interface EngineDeps {
  clock: Clock;
  log: Log;
  policy: HostPolicy;
  script: ReplyScript;
  faults(): HostFaults;
  contexts: TlsContexts;
  store: MessageStore;
}

export interface Dialogue extends Pick<Wire, 'readLine' | 'readChunk' | 'unread' | 'failure'> {
  /** True once the session is to end; nothing is read any more. */
  isOver(): boolean;
  end(): void;
  /** Destroys the connection at once. */
  cut(): void;
  /** Closes it after what was written. */
  close(lastWords?: string): void;
  /** The reply for a step after faults and scripts, or null when a fault took the connection or its voice away. */
  choose(stage: Stage, reply: string, about?: Subject): Promise<string | null>;
  /** Sends the reply of a step; true when what was sent is positive (classes 2 and 3). */
  answer(stage: Stage, reply: string, about?: Subject): Promise<boolean>;
  /** Sends a reply that no script changes. */
  send(reply: string): Promise<void>;
  /** Sends `reply`, meets the TLS hello with a fatal alert, and closes. */
  alert(reply: string, description: number): Promise<void>;
  /** Sends `reply` and shakes hands as the server; what was read ahead in clear is forgotten. */
  upgrade(reply: string): Promise<{ socket: TLSSocket } | { failure: string }>;
}

/** Record type alert, version TLS 1.2, two bytes long, level fatal. */
const FATAL_ALERT = [0x15, 3, 3, 0, 2, 2];

export function createDialogue(deps: EngineDeps, raw: Socket): Dialogue {
  let socket = raw;
  let wire = createWire(raw);
  let isOver = false;

  async function choose(stage: Stage, reply: string, about: Subject = {}): Promise<string | null> {
    const faults = deps.faults();
    if (faults.cutAt === stage) {
      cut();
      return null;
    }
    if (faults.silentAt === stage) {
      while ((await wire.readChunk()) !== null);
      isOver = true;
      return null;
    }
    const chosen = deps.script.pick(deps.policy.kind, stage, about) ?? reply;
    return faults.hugeReplyAt === stage ? hugeReply(chosen) : chosen;
  }

  async function send(reply: string): Promise<void> {
    const bytes = Buffer.from(`${reply.replace(/\r?\n/g, '\r\n')}\r\n`);
    // A 421 announces the end of the session (RFC 5321 section 3.8).
    if (reply.startsWith('421')) isOver = true;
    if (!deps.faults().replyByteByByte) return wire.write(bytes);
    socket.setNoDelay(true);
    for (const byte of bytes) await wire.write(Buffer.of(byte));
  }

  function cut(): void {
    socket.destroy();
    raw.destroy();
    isOver = true;
  }

  async function upgrade(reply: string): Promise<{ socket: TLSSocket } | { failure: string }> {
    const authorities = deps.policy.clientAuthorities();
    const secureContext = await deps.contexts.context(deps.faults(), authorities ?? []);
    // From here on bytes wait in the paused socket, where the TLS layer picks them up: the peer's
    // ClientHello may come before the 220 is known to be written.
    wire.detach();
    raw.pause();
    await send(reply);
    const secure = new TLSSocket(raw, {
      isServer: true,
      secureContext,
      requestCert: authorities !== null,
      rejectUnauthorized: false,
    });
    socket = secure;
    wire = createWire(secure);
    const failure = await new Promise<string | null>((resolve) => {
      secure.once('secure', () => resolve(null));
      secure.once('error', (error) => resolve(describeError(error)));
      secure.once('close', () => resolve('closed in the handshake'));
    });
    return failure === null ? { socket: secure } : { failure };
  }

  return {
    readLine: () => wire.readLine(),
    readChunk: () => wire.readChunk(),
    unread: (bytes) => wire.unread(bytes),
    failure: () => wire.failure(),
    isOver: () => isOver,
    end: () => {
      isOver = true;
    },
    cut,
    close(lastWords) {
      isOver = true;
      if (socket.destroyed) return;
      if (lastWords === undefined) socket.end();
      else socket.end(`${lastWords}\r\n`);
    },
    choose,
    async answer(stage, reply, about) {
      const chosen = await choose(stage, reply, about);
      if (chosen === null) return false;
      await send(chosen);
      return isPositive(chosen);
    },
    send,
    async alert(reply, description) {
      await send(reply);
      await wire.readChunk();
      await wire.write(Buffer.of(...FATAL_ALERT, description));
      isOver = true;
      socket.end();
    },
    upgrade,
  };
}

/** Classes 2 and 3 (RFC 5321 section 4.2.1). */
export function isPositive(reply: string): boolean {
  return reply.startsWith('2') || reply.startsWith('3');
}
