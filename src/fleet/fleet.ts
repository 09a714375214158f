/** Watches all sites of a broker: feeds what they say to the registry and the history, and tells what changed. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { type Alert, createAlerts } from './alerts.ts';
import type { FleetBroker } from './broker.ts';
import { cleanData } from './event-data.ts';
import type { History } from './history.ts';
import { eventShape, parsePayload, telemetryShape } from './parse.ts';
import { createRegistry, type Registry } from './registry.ts';
import type { SiteMessage } from './site-record.ts';
import type { SiteRow } from './types.ts';

export interface FleetDeps {
  clock: Clock;
  broker: Pick<FleetBroker, 'listen'>;
  /** Null where nobody asks what was before. */
  history: Pick<History, 'addTelemetry' | 'addEvent'> | null;
  /** Watchers of one group share events and telemetry among them; null watches alone. */
  group: string | null;
}

export interface Fleet {
  /** Begins to look; the broker is started by whoever made it. */
  start(): void;
  stop(): void;
  /** Resolves when the retained state of all sites is in. */
  settled(): Promise<void>;
  registry: Pick<Registry, 'row' | 'rows' | 'detail' | 'telemetry' | 'refused'>;
  /** Calls back after each look, with whether any line changed; returns the unsubscribe. */
  onLook(listener: (look: Look) => void): () => void;
}

export interface Look {
  hasChanged: boolean;
  rows: readonly SiteRow[];
  alerts: Alert[];
}

const ROOT = 'scanferry/v1/+';
/** Kept by the broker: every watcher reads all of it. */
const RETAINED = ['status', 'info', 'health', 'device/+/state'].map((tail) => `${ROOT}/${tail}`);
const PASSING = ['telemetry', 'event'].map((tail) => `${ROOT}/${tail}`);

export function createFleet({ clock, broker, history, group }: FleetDeps): Fleet {
  const registry = createRegistry(clock);
  const alerts = createAlerts();
  const listeners = new Set<(look: Look) => void>();
  const settled = Promise.withResolvers<void>();
  let timer: Timer | null = null;
  /** When the broker last became able to tell us everything (monotonic); null while it is away. */
  let connectedAt: number | null = null;
  let lostAt: number | null = null;
  let unsteadySince: number | null = null;
  let messageAt = 0;
  let isSettled = false;

  const passing = group === null ? PASSING : PASSING.map((topic) => `$share/${group}/${topic}`);

  function receive(topic: string, payload: string, isRetained: boolean): void {
    const taken = registry.take(topic, payload, isRetained);
    if (isRetained) messageAt = clock.monotonicMs();
    if (taken !== null && history !== null) remember(history, taken.site, taken.message);
  }

  function settle(): void {
    if (isSettled || connectedAt === null) return;
    const now = clock.monotonicMs();
    const isQuiet = now - messageAt >= LIMITS.fleetSettleQuietMs;
    isSettled = isQuiet || now - connectedAt >= LIMITS.fleetSettleMaxMs;
    if (!isSettled) return;
    look();
    settled.resolve();
  }

  function look(): void {
    const isShared = group !== null;
    const hasChanged = registry.look({ listeningSince: connectedAt, lostAt, unsteadySince, isShared });
    const rows = registry.rows();
    const told = isSettled ? alerts.look(rows, clock.now()) : [];
    for (const listener of listeners) listener({ hasChanged, rows, alerts: told });
  }

  function beat(): void {
    timer = clock.schedule(LIMITS.fleetJudgeEveryMs, beat);
    if (isSettled || connectedAt === null) look();
    else settle();
  }

  broker.listen({
    filters: [...RETAINED, ...passing],
    qos: 1,
    onMessage: receive,
    onConnected() {
      connectedAt = clock.monotonicMs();
      messageAt = connectedAt;
      isSettled = false;
    },
    onDisconnected() {
      const now = clock.monotonicMs();
      const hadTime = connectedAt !== null && now - connectedAt >= LIMITS.fleetReturnMs;
      if (unsteadySince === null || hadTime) unsteadySince = now;
      lostAt = now;
      connectedAt = null;
    },
  });

  return {
    registry,
    start: beat,
    stop: () => timer?.cancel(),
    settled: () => settled.promise,
    onLook(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function remember(history: NonNullable<FleetDeps['history']>, site: string, message: SiteMessage): void {
  if (message.kind === 'telemetry') {
    const numbers = parsePayload(telemetryShape, message.payload);
    if (numbers !== null) history.addTelemetry(site, numbers);
  }
  if (message.kind === 'event') {
    const event = parsePayload(eventShape, message.payload);
    if (event !== null) history.addEvent(site, { ...event, data: cleanData(event.data) });
  }
}
