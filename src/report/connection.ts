/**
 * A lasting connection to a broker: connects, and does so again after every end, with a backoff of its own.
 *
 * MQTT.js waits a fixed time between tries and gives up when a CONNACK refuses; ten thousand sites that lose their
 * broker at once would then come back at once. Here each connection is one client, and the waits are spread.
 * Nothing is queued for later: whoever publishes learns at once that there is no connection.
 */
import type { Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { reconnectDelayMs } from './backoff.ts';
import { explainBrokerError, mayBeVersion } from './broker-faults.ts';
import { BrokerConnectError, type BrokerSession, openBrokerSession } from './broker-session.ts';
import {
  type BrokerConnection,
  type BrokerDeps,
  type BrokerState,
  BrokerUnavailable,
  type MqttVersion,
} from './broker-types.ts';
import { createPlaces } from './places.ts';
import { PROBLEMS } from './problems.ts';

/** Makes the connection; `start` begins. */
export function connectBroker(deps: BrokerDeps): BrokerConnection {
  const { clock, log, settings } = deps;
  const stopping = new AbortController();
  const places = createPlaces(LIMITS.brokerInFlightMax, LIMITS.brokerWaitingMax);
  let version: MqttVersion = settings.version;
  let hasSpokenVersion = false;
  let failures = 0;
  let session: BrokerSession | null = null;
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  let state: BrokerState = {
    isConnected: false,
    since: clock.now(),
    version: null,
    problem: PROBLEMS.connecting(),
  };

  function become(next: Omit<BrokerState, 'since'>): void {
    const isSame = next.isConnected === state.isConnected && next.problem?.code === state.problem?.code;
    const since = next.isConnected === state.isConnected ? state.since : clock.now();
    state = { ...next, since };
    if (isSame) return;
    const fields = { code: next.problem?.code, cause: next.problem?.cause, version: next.version };
    if (next.isConnected) log.info('mqtt.connected', fields);
    else log.warn('mqtt.disconnected', fields);
    deps.onState?.(state);
  }

  /** One connection from its beginning to its end. */
  async function run(): Promise<void> {
    const startedAt = clock.monotonicMs();
    const error = await connectAndStay().catch((failure: unknown) => failure);
    session = null;
    if (stopping.signal.aborted) return;
    const cause = error instanceof BrokerConnectError ? error.cause : error;
    const wasStable = clock.monotonicMs() - startedAt >= LIMITS.brokerStableMs && state.isConnected;
    failures = wasStable ? 1 : failures + 1;
    const spoken = version;
    const isOther = error instanceof BrokerConnectError && chooseVersion(error);
    if (isOther && failures === 1) {
      // The first try in the other version is no storm: it comes once in the life of a connection.
      timer = clock.schedule(0, begin);
      return;
    }
    const problem = explainBrokerError(cause, settings.url, spoken);
    become({ isConnected: false, version: state.version, problem });
    timer = clock.schedule(reconnectDelayMs(failures, deps.random()), begin);
  }

  async function connectAndStay(): Promise<unknown> {
    const opened = await openInTime();
    session = opened;
    hasSpokenVersion = true;
    become({ isConnected: true, version, problem: null });
    await deps.onConnect(connection).catch((error: unknown) => opened.cut(error));
    return opened.ended;
  }

  async function openInTime(): Promise<BrokerSession> {
    const tooLong = new AbortController();
    const noAnswer = PROBLEMS.noAnswer(new URL(settings.url).host, LIMITS.brokerConnectMaxMs / 1000);
    const limit = clock.schedule(LIMITS.brokerConnectMaxMs, () =>
      tooLong.abort(new BrokerUnavailable(noAnswer)),
    );
    try {
      return await openBrokerSession({
        ...{ settings, version, will: deps.will, onMessage: deps.onMessage },
        signal: AbortSignal.any([stopping.signal, tooLong.signal]),
      });
    } finally {
      limit.cancel();
    }
  }

  /** Until one version has worked, a refusal that may be about it makes the next try one in the other: true then. */
  function chooseVersion({ cause, sawConnack }: BrokerConnectError): boolean {
    if (settings.version !== '5' || hasSpokenVersion || !mayBeVersion(cause, sawConnack)) return false;
    version = version === '5' ? '3.1.1' : '5';
    return true;
  }

  function begin(): void {
    timer = null;
    round = run();
  }

  /** Gives `work` its time; a broker that leaves it unanswered is no use, so that the connection is made anew. */
  async function inTime(current: BrokerSession, work: Promise<void>): Promise<void> {
    const limit = clock.schedule(LIMITS.brokerAcknowledgeMaxMs, () =>
      current.cut(new BrokerUnavailable(PROBLEMS.notAcknowledged(LIMITS.brokerAcknowledgeMaxMs / 1000))),
    );
    try {
      await work;
    } finally {
      limit.cancel();
    }
  }

  function currentSession(): BrokerSession {
    if (session !== null) return session;
    throw new BrokerUnavailable(
      stopping.signal.aborted ? PROBLEMS.stopped() : (state.problem ?? PROBLEMS.connecting()),
    );
  }

  const connection: BrokerConnection = {
    start: begin,
    async stop() {
      const last = session;
      if (last !== null) {
        // A broker that does not close its side is cut off.
        const limit = clock.schedule(LIMITS.brokerGoodbyeMaxMs, () => last.cut(null));
        await last.end();
        limit.cancel();
      }
      stopping.abort(new BrokerUnavailable(PROBLEMS.stopped()));
      timer?.cancel();
      await round;
    },
    state: () => state,
    localAddress: () => session?.localAddress ?? null,
    async publish(message) {
      const current = currentSession();
      await places.use(async () => {
        if (current !== session) throw new BrokerUnavailable(state.problem ?? PROBLEMS.connecting());
        await inTime(current, current.publish(message));
      });
    },
    async subscribe(filters, qos) {
      const current = currentSession();
      await inTime(current, current.subscribe(filters, qos));
    },
  };
  return connection;
}
