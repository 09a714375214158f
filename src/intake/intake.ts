/** The SMTP intake: binds the listeners, admits connections within limits, and stops in peace. */
import type { Socket } from 'node:net';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import { addressAndPort, normaliseAddress } from './addresses.ts';
import { createCaptures } from './capture.ts';
import { createConversation } from './conversation.ts';
import { createWindowCounter } from './counters.ts';
import { createEngine } from './engine.ts';
import { createLearnedTls } from './learned-tls.ts';
import { createListeners } from './listeners.ts';
import { createObserver, type SessionObservation } from './observation.ts';
import { createPolicy } from './policy.ts';
import { createRefusals } from './refusals.ts';
import { type ReplyCode, replyLine } from './replies.ts';
import { createSession, type Session } from './session.ts';
import type { DeviceSettings, ListenerSettings } from './settings.ts';
import { createSignIn } from './sign-in.ts';
import { createContexts } from './tls.ts';
import { type Treatment, treatmentOf } from './treatment.ts';
import { createTurnAway } from './turned-away.ts';
import type { Intake, IntakeChange, IntakeDeps, ListenerAddress, ServerCertificate } from './types.ts';
import { createUnfinished } from './unfinished.ts';

/** Who connects, and what is known of it. */
interface Caller {
  address: string;
  device: DeviceSettings | null;
  treatment: Treatment;
}

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
  const captures = createCaptures(clock);
  const turnAway = createTurnAway({ clock, log });
  const listeners = createListeners({ log, onConnection: accept });
  const sessions = new Set<Session>();
  /** Open connections per address. */
  const connections = new Map<string, number>();
  let isStopping = false;

  const onPart = (id: string) => deps.onPart?.(id);
  const observed = (observation: SessionObservation) => deps.knowledge?.observed(observation);

  function treat(address: string, device: DeviceSettings | null): Treatment {
    const profile = device?.profile === undefined ? null : (deps.profiles.get(device.profile) ?? null);
    const known = deps.knowledge?.of(address, device) ?? { profile: null, firmware: null, measured: null };
    return treatmentOf(
      profile === null
        ? { ...known, origin: known.profile === null ? null : 'identified' }
        : { ...known, profile, origin: 'given' },
    );
  }

  function admission(address: string, treatment: Treatment): ReplyCode | null {
    if (isStopping) return 'intake.stopping';
    if (sessions.size >= LIMITS.connectionsMax) return 'intake.too-many-connections';
    const connectionsMax = Math.max(settings.connectionsPerDevice, treatment.connectionsMax ?? 0);
    if ((connections.get(address) ?? 0) >= connectionsMax) return 'intake.too-many-device-connections';
    return standing(address);
  }

  /** What address and network alone decide. */
  function standing(address: string): ReplyCode | null {
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
    const name = addressAndPort(shown);
    const device = policy.deviceAt(address);
    const treatment = treat(address, device);
    const code = admission(address, treatment);
    if (code) {
      turnAway(socket, code, listener.tls);
      refusals.report(
        { address, device: device?.id ?? null, code, reply: replyLine(code).trimEnd() },
        { listener: name },
      );
      return;
    }
    count(address, 1);
    const { port } = shown;
    const session = openSession(socket, { address, device, treatment }, listener, { port, name });
    sessions.add(session);
    socket.on('close', () => {
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
    { address, device, treatment }: Caller,
    listener: ListenerSettings,
    shown: { port: number; name: string },
  ): Session {
    const observer = createObserver(clock, address);
    const recorder = captures.recorderFor(address);
    const conversation = createConversation(
      {
        clock,
        log,
        spool,
        hostname: settings.hostname,
        policy,
        signIn,
        refusals,
        messages,
        unfinished,
        treatmentOf: treat,
        onPart,
      },
      {
        address,
        device,
        treatment,
        observer,
        recorder,
        listener: shown.name,
        offersStartTls: listener.tls === 'starttls' || listener.tls === 'auto',
      },
    );
    // TLS 1.0 is for networks that are trusted, and a profile may raise the floor for its device; below the listener's
    // nothing can go.
    const isModern = !policy.isTrusted(address) || treatment.isModern;
    const floor = isModern ? 'modern' : listener.floor;
    return createSession(
      {
        clock,
        log,
        engine,
        learned,
        conversation,
        observer,
        recorder,
        secureContext: contexts[floor],
        observed,
      },
      socket,
      { address, port: shown.port, listener: shown.name, mode: listener.tls, treatment },
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
    forgetTls: learned.forgetAddress,
    capture: captures.capture,
    replaceDevices(devices) {
      policy = createPolicy(settings, devices);
      signIn.replaceDevices(devices);
    },
    replaceCertificate(certificate: ServerCertificate) {
      contexts = createContexts(certificate);
    },
    issueTestLogin: signIn.issueTestLogin,
    admits: (address) => standing(normaliseAddress(address)) === null,
  };
}
