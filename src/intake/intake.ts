/** The SMTP intake: binds the listeners, admits connections within limits, and stops in peace. */
import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import { normaliseAddress } from './addresses.ts';
import { createConversation } from './conversation.ts';
import { createWindowCounter } from './counters.ts';
import { createEngine } from './engine.ts';
import { createLearnedTls } from './learned-tls.ts';
import { createListeners } from './listeners.ts';
import { createPolicy } from './policy.ts';
import { createRefusals } from './refusals.ts';
import { type ReplyCode, replyLine } from './replies.ts';
import { createSession, type Session } from './session.ts';
import type { DeviceSettings, ListenerSettings } from './settings.ts';
import { createSignIn } from './sign-in.ts';
import { createContexts } from './tls.ts';
import { createTurnAway } from './turned-away.ts';
import type { Intake, IntakeChange, IntakeDeps, ListenerAddress, ServerCertificate } from './types.ts';
import { createUnfinished } from './unfinished.ts';

export function createIntake(deps: IntakeDeps): Intake {
  const { clock, log, spool } = deps;
  // A reload replaces these; a session keeps those it began with.
  let settings = deps.settings;
  let policy = createPolicy(settings, deps.devices);
  let engine = createEngine({ hostname: settings.hostname, log, certificate: deps.certificate });
  let contexts = createContexts(deps.certificate);
  const signIn = createSignIn({ clock, devices: deps.devices });
  const refusals = createRefusals({ clock, log, spool });
  const learned = createLearnedTls({ clock, log, spool });
  const messages = createWindowCounter(clock, LIMITS.messageRateWindowMs);
  const unfinished = createUnfinished({ clock, log, spool });
  const turnAway = createTurnAway({ clock, log });
  const listeners = createListeners({ log, onConnection: accept });
  const sessions = new Set<Session>();
  /** Open connections per address. */
  const connections = new Map<string, number>();
  let isStopping = false;

  function profileOf({ profile }: DeviceSettings): DeviceProfile | null {
    return (profile === undefined ? null : deps.profiles.get(profile)) ?? null;
  }

  function admission(address: string): ReplyCode | null {
    if (isStopping) return 'intake.stopping';
    if (sessions.size >= LIMITS.connectionsMax) return 'intake.too-many-connections';
    if ((connections.get(address) ?? 0) >= settings.connectionsPerDevice)
      return 'intake.too-many-device-connections';
    return policy.connection(address, signIn.hasLogins());
  }

  function count(address: string, change: 1 | -1): void {
    const next = (connections.get(address) ?? 0) + change;
    if (next > 0) connections.set(address, next);
    else connections.delete(address);
  }

  function accept(socket: Socket, listener: ListenerSettings, shown: ListenerAddress): void {
    const address = normaliseAddress(socket.remoteAddress ?? '');
    if (address === '') {
      // Gone between the kernel's accept and ours.
      socket.destroy();
      return;
    }
    const name = `${shown.address}:${shown.port}`;
    const code = admission(address);
    if (code) {
      turnAway(socket, code, listener.tls);
      refusals.report(
        { address, device: policy.deviceAt(address)?.id ?? null, code, reply: replyLine(code).trimEnd() },
        { listener: name },
      );
      return;
    }
    count(address, 1);
    const session = openSession(socket, address, listener, { ...shown, name });
    sessions.add(session);
    socket.once('close', () => {
      sessions.delete(session);
      count(address, -1);
    });
    session.begin().catch((error: unknown) => {
      log.error('intake.session-failed', { address, error: describeError(error) });
      session.cut();
    });
  }

  function openSession(
    socket: Socket,
    address: string,
    listener: ListenerSettings,
    shown: { port: number; name: string },
  ): Session {
    const device = policy.deviceAt(address);
    const profile = device ? profileOf(device) : null;
    const conversation = createConversation(
      {
        ...{ clock, log, spool, hostname: settings.hostname, policy, signIn, refusals, messages },
        ...{ unfinished, profileOf },
        onPart: (id) => deps.onPart?.(id),
      },
      {
        ...{ address, device, profile, listener: shown.name },
        offersStartTls: listener.tls === 'starttls' || listener.tls === 'auto',
      },
    );
    // TLS 1.0 is for networks that are trusted, and a profile may raise the floor for its device; below the listener's
    // nothing can go.
    const isModern = !policy.isTrusted(address) || profile?.tls?.floor === 'modern';
    const floor = isModern ? 'modern' : listener.floor;
    return createSession(
      { clock, log, engine, learned, conversation, secureContext: contexts[floor] },
      socket,
      {
        ...{ address, port: shown.port, listener: shown.name },
        ...{ mode: listener.tls, profileMode: profile?.tls?.mode },
      },
    );
  }

  async function start(): Promise<ListenerAddress[]> {
    isStopping = false;
    await learned.load();
    return listeners.replace(settings.listeners);
  }

  async function reload(change: IntakeChange): Promise<ListenerAddress[]> {
    const { certificate, devices } = change;
    const next = {
      policy: createPolicy(change.settings, devices),
      engine: createEngine({ hostname: change.settings.hostname, log, certificate }),
      contexts: createContexts(certificate),
    };
    // The only step that may fail; until it has succeeded nothing has changed.
    const addresses = await listeners.replace(change.settings.listeners);
    ({ settings } = change);
    ({ policy, engine, contexts } = next);
    signIn.replaceDevices(devices);
    return addresses;
  }

  async function stop(): Promise<void> {
    isStopping = true;
    const closed = listeners.close();
    for (const session of sessions) session.finish();
    const timer = clock.schedule(LIMITS.roomStopMaxMs, () => {
      for (const session of sessions) session.cut();
    });
    await closed;
    timer.cancel();
  }

  return {
    start,
    reload,
    stop,
    replaceCertificate(certificate: ServerCertificate) {
      contexts = createContexts(certificate);
    },
    issueTestLogin: signIn.issueTestLogin,
  };
}
