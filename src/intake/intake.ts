/** The SMTP intake: binds the listeners, admits connections within limits, and stops in peace. */
import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { describeError } from '../core/log.ts';
import type { DeviceProfile } from '../profiles/types.ts';
import { normaliseAddress } from './addresses.ts';
import { createConversation } from './conversation.ts';
import { createWindowCounter } from './counters.ts';
import { createEngine } from './engine.ts';
import { createLearnedTls } from './learned-tls.ts';
import { createPolicy } from './policy.ts';
import { createRefusals } from './refusals.ts';
import { type ReplyCode, replyLine } from './replies.ts';
import { createSession, type Session } from './session.ts';
import type { DeviceSettings, ListenerSettings } from './settings.ts';
import { createSignIn } from './sign-in.ts';
import { createContexts } from './tls.ts';
import type { Intake, IntakeDeps, ListenerAddress, ServerCertificate } from './types.ts';
import { createUnfinished } from './unfinished.ts';

interface Bound {
  server: Server;
  shown: ListenerAddress;
}

export function createIntake(deps: IntakeDeps): Intake {
  const { clock, log, spool, settings } = deps;
  const policy = createPolicy(settings, deps.devices);
  const signIn = createSignIn({ clock, devices: deps.devices });
  const refusals = createRefusals({ clock, log, spool });
  const learned = createLearnedTls({ clock, log, spool });
  const messages = createWindowCounter(clock, LIMITS.messageRateWindowMs);
  const unfinished = createUnfinished({ clock, log, spool });
  const engine = createEngine({ hostname: settings.hostname, log, certificate: deps.certificate });
  const sessions = new Set<Session>();
  /** Open connections per address. */
  const connections = new Map<string, number>();
  let contexts = createContexts(deps.certificate);
  let bound: Bound[] = [];
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

  /** A device that expects TLS could not read a reply in plain text. */
  function turnAway(socket: Socket, code: ReplyCode, mode: ListenerSettings['tls']): void {
    socket.on('error', (error) => log.debug('intake.socket-error', { error: describeError(error) }));
    if (mode === 'implicit') {
      socket.destroy();
      return;
    }
    socket.resume();
    socket.end(replyLine(code));
    const timer = clock.schedule(LIMITS.closeLingerMs, () => socket.destroy());
    socket.once('close', () => timer.cancel());
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
      },
      {
        ...{ address, device, profile, listener: shown.name },
        offersStartTls: listener.tls === 'starttls' || listener.tls === 'auto',
      },
    );
    // A profile may raise the floor for its device; below the listener's it can't go.
    const floor = profile?.tls?.floor === 'modern' ? 'modern' : listener.floor;
    return createSession(
      { clock, log, engine, learned, conversation, secureContext: contexts[floor] },
      socket,
      {
        ...{ address, port: shown.port, listener: shown.name },
        ...{ mode: listener.tls, profileMode: profile?.tls?.mode },
      },
    );
  }

  function bind(listener: ListenerSettings): Promise<Bound> {
    return new Promise((resolve, reject) => {
      const shown: ListenerAddress = { address: listener.address, port: listener.port, tls: listener.tls };
      // Half-open, so that a device which closes its side after the final dot still gets its reply.
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        accept(socket, listener, shown),
      );
      server.once('error', (error) => reject(bindError(listener, error)));
      server.listen({ host: listener.address, port: listener.port }, () => {
        const at = server.address();
        if (at !== null && typeof at === 'object') shown.port = at.port;
        server.removeAllListeners('error');
        server.on('error', (error) =>
          log.error('intake.listener-error', { ...shown, error: describeError(error) }),
        );
        log.info('intake.listening', { ...shown, floor: listener.floor });
        resolve({ server, shown });
      });
    });
  }

  async function start(): Promise<ListenerAddress[]> {
    isStopping = false;
    await learned.load();
    const results = await Promise.allSettled(settings.listeners.map(bind));
    bound = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) {
      await stop();
      throw failed.reason;
    }
    return bound.map(({ shown }) => shown);
  }

  async function stop(): Promise<void> {
    isStopping = true;
    const closing = bound.map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    bound = [];
    for (const session of sessions) session.finish();
    const timer = clock.schedule(LIMITS.stopMaxMs, () => {
      for (const session of sessions) session.cut();
    });
    await Promise.all(closing);
    timer.cancel();
  }

  return {
    start,
    stop,
    replaceCertificate(certificate: ServerCertificate) {
      contexts = createContexts(certificate);
    },
    issueTestLogin: signIn.issueTestLogin,
  };
}

const BIND_ADVICE: Record<string, string> = {
  EADDRINUSE: 'Stop the other program that uses the port (`ss -ltnp` shows it), or choose another port.',
  EACCES: 'Ports below 1024 need the right CAP_NET_BIND_SERVICE; the packaged service has it.',
  EADDRNOTAVAIL: 'Use an address that this box has, or 0.0.0.0 for all of them.',
};

function bindError(listener: ListenerSettings, error: Error): OperatorError {
  const code = 'code' in error ? String(error.code) : '';
  return new OperatorError(
    {
      code: 'intake.port-unavailable',
      cause: `The port ${listener.port} at ${listener.address} can't be opened for devices (${code || error.message}).`,
      advice: BIND_ADVICE[code] ?? 'Check address and port of this listener under intake.listeners.',
    },
    { cause: error },
  );
}
