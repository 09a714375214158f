/** The fleet's connection to its broker, shared by those who listen and those who command. */
import type { Clock } from '../core/clock.ts';
import { type Explanation, OperatorError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import {
  type BrokerConnection,
  type BrokerSettings,
  BrokerUnavailable,
  type IncomingMessage,
  type OutgoingMessage,
} from '../report/broker-types.ts';
import { connectBroker } from '../report/connection.ts';
import { PROBLEMS as REPORT_PROBLEMS } from '../report/problems.ts';
import { PROBLEMS } from './problems.ts';

/** Somebody who reads topics. */
export interface Listener {
  filters: readonly string[];
  qos: 0 | 1;
  onMessage(topic: string, payload: string, isRetained: boolean): void;
  /** All filters are subscribed on a new connection. */
  onConnected?(): void;
  onDisconnected?(): void;
}

export interface FleetBroker {
  /** Before `start`. */
  listen(listener: Listener): void;
  /** Begins to connect, again and again until `stop`. */
  start(): void;
  /** Resolves at the first connection; rejects with OperatorError when the first try fails. */
  connected(): Promise<void>;
  stop(): Promise<void>;
  /** Why there is no connection; null while there is one. */
  trouble(): Explanation | null;
  /** Rejects with OperatorError when the broker does not take it. */
  publish(message: OutgoingMessage): Promise<void>;
}

export interface FleetBrokerDeps {
  clock: Clock;
  log: Log;
  random(): number;
  settings: BrokerSettings;
}

export function createFleetBroker({ clock, log, random, settings }: FleetBrokerDeps): FleetBroker {
  const listeners: Listener[] = [];
  const first = Promise.withResolvers<void>();
  // Who does not wait for the first connection goes on without it.
  first.promise.catch(() => {});
  let isReady = false;

  async function subscribe(): Promise<void> {
    for (const { filters, qos } of listeners) await connection.subscribe(filters, qos);
    isReady = true;
    for (const { onConnected } of listeners) onConnected?.();
    first.resolve();
  }

  function lost(): void {
    if (isReady) for (const { onDisconnected } of listeners) onDisconnected?.();
    isReady = false;
  }

  function receive({ topic, payload, retain }: IncomingMessage): void {
    const text = payload.toString('utf8');
    for (const { filters, onMessage } of listeners) {
      if (filters.some((filter) => isMatch(filter, topic))) onMessage(topic, text, retain);
    }
  }

  const connection: BrokerConnection = connectBroker({
    ...{ clock, log, random, settings, will: null },
    onConnect: subscribe,
    onMessage: receive,
    onState(state) {
      if (state.isConnected) return;
      lost();
      first.reject(unreachable(settings.url, state.problem));
    },
  });

  return {
    listen: (listener) => {
      listeners.push(listener);
    },
    start: () => connection.start(),
    connected: () => first.promise,
    stop: () => connection.stop(),
    // Connected, but nothing is subscribed yet: that is no connection for us.
    trouble: () => (isReady ? null : (connection.state().problem ?? REPORT_PROBLEMS.connecting())),
    async publish(message) {
      try {
        await connection.publish(message);
      } catch (error) {
        if (error instanceof BrokerUnavailable) throw unreachable(settings.url, error.explanation, error);
        throw error;
      }
    },
  };
}

function unreachable(url: string, problem: Explanation | null, cause?: unknown): OperatorError {
  const { origin, host, protocol } = new URL(url);
  const place = origin === 'null' ? `${protocol}//${host}` : origin;
  return new OperatorError(PROBLEMS.brokerUnreachable(place, problem?.cause ?? ''), { cause });
}

/** MQTT 3.1.1 section 4.7: `+` is one level; `$share/<group>/` stands before a filter (MQTT 5 section 4.8.2). */
function isMatch(filter: string, topic: string): boolean {
  const wanted = filter.replace(/^\$share\/[^/]+\//, '').split('/');
  const given = topic.split('/');
  return (
    wanted.length === given.length && wanted.every((level, index) => level === '+' || level === given[index])
  );
}
