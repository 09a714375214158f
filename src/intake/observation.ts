/** What one session shows of a device, gathered while it runs; no address of a person, no secret, no content. */
import type { Clock } from '../core/clock.ts';
import type { TlsFacts } from '../core/message.ts';
import type { Repair } from '../core/repairs.ts';
import { union } from '../core/union.ts';
import type { QuirkId } from '../profiles/quirks.ts';
import type { ClientHello } from './client-hello.ts';
import type { Mechanism } from './sign-in.ts';

export type TlsStart = 'plain' | 'starttls' | 'implicit';

export interface SessionObservation {
  /** Epoch milliseconds of its end. */
  at: number;
  address: string;
  /** Id of the known device, by address or login; null for an unknown one. */
  device: string | null;
  start: TlsStart;
  hello: ClientHello | null;
  /** What was negotiated; null in plain text, and where the handshake failed. */
  tls: TlsFacts | null;
  greeting: { verb: 'HELO' | 'EHLO'; name: string | null } | null;
  /** How it signed in, if it did. */
  mechanism: Mechanism | null;
  /** Accepted messages. */
  messages: { bytes: number; recipients: number }[];
  repairs: Repair[];
  quirks: QuirkId[];
  /** Longest wait for a command, and longest pause inside a message, milliseconds. */
  commandGapMs: number;
  dataGapMs: number;
  /** Whether it said QUIT; null where the box ended the session. */
  hasQuit: boolean | null;
}

export interface Observer {
  hello(start: TlsStart, hello: ClientHello | null): void;
  secured(tls: TlsFacts): void;
  greeted(verb: string, name: string | null): void;
  signedIn(mechanism: Mechanism | null): void;
  accepted(message: { bytes: number; recipients: number; repairs: readonly Repair[] }): void;
  quirks(quirks: readonly QuirkId[]): void;
  quit(): void;
  /** Whether the device, or the box, has ended the session in words. */
  hasQuit(): boolean;
  /** The box ended it, so that nothing can be said of the device's goodbye. */
  cutShort(): void;
  /** The session is over. Null where the device has shown nothing: it only looked whether somebody is here. */
  finish(end: {
    device: string | null;
    gaps: { commandMs: number; dataMs: number };
  }): SessionObservation | null;
}

/** Messages of one session that are looked at; a device that sends more in one is no different by then. */
const MESSAGES_MAX = 100;

export function createObserver(clock: Clock, address: string): Observer {
  const seen: Omit<SessionObservation, 'at' | 'device' | 'commandGapMs' | 'dataGapMs'> = {
    address,
    start: 'plain',
    hello: null,
    tls: null,
    greeting: null,
    mechanism: null,
    messages: [],
    repairs: [],
    quirks: [],
    hasQuit: false,
  };
  return {
    hello(start, hello) {
      seen.start = start;
      seen.hello = hello;
    },
    secured(tls) {
      seen.tls = tls;
    },
    greeted(verb, name) {
      seen.greeting = { verb: verb.toUpperCase() === 'HELO' ? 'HELO' : 'EHLO', name };
    },
    signedIn(mechanism) {
      seen.mechanism = mechanism;
    },
    accepted({ bytes, recipients, repairs }) {
      if (seen.messages.length < MESSAGES_MAX) seen.messages.push({ bytes, recipients });
      seen.repairs = union(seen.repairs, repairs);
    },
    quirks(quirks) {
      seen.quirks = union(seen.quirks, quirks);
    },
    quit() {
      if (seen.hasQuit === false) seen.hasQuit = true;
    },
    hasQuit: () => seen.hasQuit !== false,
    cutShort() {
      if (seen.hasQuit === false) seen.hasQuit = null;
    },
    finish({ device, gaps }) {
      if (seen.greeting === null && seen.hello === null) return null;
      return { ...seen, at: clock.now(), device, commandGapMs: gaps.commandMs, dataGapMs: gaps.dataMs };
    },
  };
}
