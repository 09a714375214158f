/** The events that the spool's event table keeps; logs use the same names. */
import type { TlsFacts } from './message.ts';

/** Every event type and what its record holds. Never a subject, a body or a secret. */
export interface EventData {
  'agent.started': { version: string };
  'agent.stopped': { clean: boolean };
  'config.applied': { by: string; changed: string[] };
  /** A new config that was not taken; the log says why. */
  'config.refused': { by: string; code: string };
  /** A new config that came by command is in force, and is kept unless health is worse by `until`. */
  'config.tried': { by: string; changed: string[]; until: number };
  'config.kept': { by: string; changed: string[] };
  /** The former config is in force again; `code` and `cause` say what got worse. */
  'config.rolled-back': { by: string; changed: string[]; code: string; cause: string };
  /** Profiles of a signed pack are in use, or with `issued` null the built-in ones alone again. */
  'profiles.updated': { by: string; profiles: number; issued: number | null };
  /** The stored pack was left out at the start. */
  'profiles.ignored': { code: string; cause: string };
  'message.accepted': {
    message: string;
    device: string | null;
    address: string;
    listener: string;
    sender: string;
    recipients: number;
    bodyBytes: number;
    tls: TlsFacts | null;
    held: string | null;
    /** What intake had to mend, by name (docs/reference/quirks.md); left out where nothing was. */
    repairs?: string[];
  };
  'message.delivered': {
    message: string;
    recipient: string;
    route: string;
    tls: TlsFacts | null;
    reply: string;
    waitedMs: number;
  };
  'message.deferred': {
    message: string;
    recipient: string;
    route: string | null;
    code: string;
    cause: string;
    nextAttemptAt: number;
    uncertain: boolean;
  };
  'message.failed': {
    message: string;
    recipient: string;
    route: string | null;
    code: string;
    cause: string;
    reply: string | null;
  };
  /** `route` is null where no route was tried. */
  'message.held': { message: string; recipient: string; route: string | null; code: string; cause: string };
  'message.requeued': { message: string; recipient: string; by: string };
  'message.released': { message: string; recipient: string; by: string };
  'message.cancelled': { message: string; recipient: string; by: string };
  /** A part of a split message went into the message `into`. */
  'message.joined': { message: string; recipient: string; into: string };
  /** A notice to a person did not arrive; nobody is told by another one. */
  'notice.failed': { message: string; recipient: string; code: string; cause: string };
  'session.refused': { address: string; device: string | null; code: string; reply: string };
  /** A device went silent before the final dot; `message` is what was kept of it, or null. */
  'session.unfinished': {
    message: string | null;
    device: string | null;
    address: string;
    listener: string;
    sender: string;
    recipients: number;
    bytes: number;
    code: string;
  };
  /** A search has found a device for the first time; `device` is its id where the config has its address. */
  'device.discovered': {
    address: string;
    mac: string | null;
    model: string | null;
    firmware: string | null;
    profile: string | null;
    device: string | null;
  };
  /** Another profile than before speaks for a device to which nobody gave one; null: none is certain any more. */
  'device.recognised': {
    address: string;
    device: string | null;
    profile: string | null;
    model: string | null;
    firmware: string | null;
    why: string;
  };
  /** A person has let a device in; `released` of its messages were waiting. */
  'device.approved': {
    device: string;
    address: string;
    profile: string | null;
    by: string;
    released: number;
  };
  'device.forgotten': { device: string | null; address: string; by: string };
  'device.tls-learned': { address: string; mode: 'implicit'; listener: string };
  'route.paused': {
    route: string;
    code: string;
    cause: string;
    advice: string;
    until: number;
    needsPerson: boolean;
    /** Only recipients outside the tenant wait; left out where all do. */
    scope?: 'outside';
  };
  /** An attempt with `message` that a fault of the route ended before anybody was delivered or refused. */
  'route.failed': { route: string; message: string; code: string; cause: string };
  'route.resumed': { route: string; pausedMs: number; by: string; scope?: 'outside' };
  /** A signed command over MQTT, or a button of Home Assistant: who asked for what. */
  'command.received': { verb: string; key: string; nonce: string | null };
  'command.finished': {
    verb: string;
    key: string;
    nonce: string | null;
    outcome: 'succeeded' | 'failed';
    code: string | null;
    tookMs: number;
  };
  /** One that was not obeyed. Key and nonce are what it says, not what is proved; `more` were not recorded before it. */
  'command.rejected': { verb: string; key: string | null; nonce: string | null; code: string; more: number };
  'spool.salvaged': { damagedFile: string; messages: number; lost: number };
  'clock.unset': { now: number };
  'clock.set': { now: number };
}

export type EventType = keyof EventData;

/** One row of the event table; `seq` is the cursor a reader keeps. */
export type EventRecord = {
  [T in EventType]: { seq: number; ts: number; type: T; data: EventData[T] };
}[EventType];

/** An event before the spool has numbered it. */
export type NewEvent = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];
